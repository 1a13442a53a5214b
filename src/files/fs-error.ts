import { getSystemErrorMap } from "node:util";
import { SealerError } from "#errors";

/** Turns what the operating system says into an error that a user can act on; a full disk and a bug stay apart. */
export function fsError(error: unknown, doing: string, path: string | Uint8Array): Error {
  if (!isFsError(error)) return error instanceof Error ? error : new Error(String(error));
  const where = printable(path);
  const message = `cannot ${doing} ${where}: ${reasonOf(error)}`;
  switch (error.code) {
    case "ENOSPC":
    case "EDQUOT":
      return new SealerError("DISK_FULL", message, {
        where,
        hint: "Free some space and try again.",
        cause: error,
      });
    case "ENOENT":
      return new SealerError("FILE_NOT_FOUND", message, { where, cause: error });
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return new SealerError("FILE_INVALID", message, {
        where,
        hint: "Run as a user who may do that, or choose another place.",
        cause: error,
      });
    default:
      return new SealerError("FILE_INVALID", message, { where, cause: error });
  }
}

export function isFsError(
  error: unknown,
  ...codes: string[]
): error is NodeJS.ErrnoException & { code: string } {
  if (!(error instanceof Error) || error instanceof SealerError) return false;
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (typeof code !== "string" || typeof syscall !== "string") return false;
  return codes.length === 0 || codes.includes(code);
}

/** A name as it can be shown: what is not UTF-8 and control bytes (also those that steer terminals) are escaped. */
export function printable(name: string | Uint8Array): string {
  const bytes = Buffer.from(name as Uint8Array);
  const text = bytes.toString("utf8");
  const shown = Buffer.from(text).equals(bytes) ? text : bytes.toString("latin1");
  const escaped = shown.replace(
    /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
    (c) => `\\u${c.codePointAt(0)!.toString(16).padStart(4, "0")}`,
  );
  return escaped.length > 300 ? `${escaped.slice(0, 300)}…` : escaped;
}

function reasonOf(error: NodeJS.ErrnoException): string {
  if (error.code === "EISDIR") return "it is a folder";
  return getSystemErrorMap().get(error.errno ?? 0)?.[1] ?? error.message;
}
