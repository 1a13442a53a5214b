import { getSystemErrorMap } from "node:util";
import { SealerError } from "#errors";

export interface ErrorReport {
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly where: string | null;
    readonly hint: string | null;
    readonly cause: string | null;
  };
}

/** The `error` shape of the JSON contract. */
export function errorReport(error: unknown): ErrorReport {
  if (error instanceof SealerError) {
    const { code, message, where, hint } = error;
    return {
      error: { code, message, where: where ?? null, hint: hint ?? null, cause: causeText(error) ?? null },
    };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { error: { code: "BUG", message, where: null, hint: null, cause: stackOf(error) } };
}

/** What a person reads on stderr: what and where, why, what to do; for a bug, the stack. */
export function errorText(error: unknown, options: { readonly debug: boolean }): string {
  if (!(error instanceof SealerError)) {
    return `error: this is a bug in sealer: ${stackOf(error)}`;
  }
  const { message, where, hint } = error;
  const cause = causeText(error);
  return [
    `error: ${where && !names(message, where) ? `${where}: ` : ""}${message}`,
    ...(cause && !message.includes(cause) ? [indent("because: ", cause)] : []),
    ...(hint ? [indent("hint: ", hint)] : []),
    ...(options.debug ? [stackOf(error)] : []),
  ].join("\n");
}

export function exitCodeOf(error: unknown): number {
  return error instanceof SealerError ? error.exitCode : 1;
}

/** Messages of the causes, outermost first. */
function causeText(error: Error): string | undefined {
  const messages: string[] = [];
  for (let cause = error.cause; cause !== undefined && messages.length < 5; ) {
    const text = cause instanceof Error ? cause.message || cause.name : String(cause);
    const isTold =
      isSystemError(cause) && (cause.code === "EISDIR" || error.message.includes(reasonOf(cause)));
    if (text && !isTold && !messages.includes(text)) messages.push(text);
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return messages.length > 0 ? messages.join(": ") : undefined;
}

/** Whether a message names the place itself: it need not stand in front of it, too. */
function names(message: string, where: string): boolean {
  const parts = message.split(where);
  return parts
    .slice(1)
    .some(
      (after, position) => !/[\p{L}\p{N}_./-]$/u.test(parts[position]!) && !/^[\p{L}\p{N}_/]/u.test(after),
    );
}

function isSystemError(cause: unknown): cause is NodeJS.ErrnoException {
  return cause instanceof Error && typeof (cause as NodeJS.ErrnoException).errno === "number";
}

/** `no such file or directory` of ENOENT. */
function reasonOf({ errno, message }: NodeJS.ErrnoException): string {
  return getSystemErrorMap().get(errno ?? 0)?.[1] ?? message;
}

function indent(label: string, text: string): string {
  return label + text.replaceAll("\n", `\n${" ".repeat(label.length)}`);
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
