/**
 * What failed tasks are told by: a first line, without the title that stands there already, and nothing where the task
 * before failed by the same. The error that follows says the rest.
 */
export function shortFailures(): (title: string, message: string) => string {
  let last: string | undefined;
  return (title, message) => {
    if (message === last) return "";
    last = message;
    const [line = ""] = message.split("\n");
    return `: ${line.startsWith(`${title} `) ? line.slice(title.length + 1) : line}`;
  };
}
