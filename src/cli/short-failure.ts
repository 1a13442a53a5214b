/** What a failed task is told by: the error that follows says the rest, and the title stands there already. */
export function shortFailure(title: string, message: string): string {
  const [line = ""] = message.split("\n");
  return line.startsWith(`${title} `) ? line.slice(title.length + 1) : line;
}
