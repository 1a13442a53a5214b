import { SealerError } from "#errors";
import type { Execution } from "./execute.ts";

/** One error that tells each host, step and cause, and how to go on. */
export function stepsFailed(
  { failed, blocked, done }: Execution<{ readonly title: string; readonly host: string }>,
  goOn: string,
): SealerError {
  const lines = failed.map(({ step, error }) => `${step.host}: ${step.title}: ${causeOf(error, step.host)}`);
  const hints = [
    ...new Set(failed.map(({ error }) => (error instanceof SealerError ? error.hint : undefined))),
  ];
  const waiting = blocked.length > 0 ? `, ${count(blocked.length)} could not begin` : "";
  const message = `${count(failed.length)} failed (${count(done.length)} done${waiting}):\n${lines
    .map((line) => indented(line))
    .join("\n")}`;
  return new SealerError("STEPS_FAILED", message, {
    where: [...new Set(failed.map(({ step }) => step.host))].join(", "),
    hint: [...hints.filter((hint) => hint !== undefined), goOn].join("\n"),
    cause: failed.find(({ error }) => !(error instanceof SealerError))?.error,
  });
}

/** The cause's own words, without the host's address a second time. */
function causeOf(error: unknown, host: string): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.startsWith(`${host}: `) ? text.slice(host.length + 2) : text;
}

function count(steps: number): string {
  return steps === 1 ? "1 step" : `${steps} steps`;
}

function indented(text: string): string {
  return text
    .split("\n")
    .map((line) => `  ${line}`)
    .join("\n");
}
