import { getSystemErrorMap } from "node:util";
import { SealerError } from "#errors";

/**
 * What the machine refuses (no space, no rights, a file in the place of a folder) is the user's to mend, wherever it
 * comes up. All else stays what it was. `what`: what could not be used, where the error names no path.
 */
export function asUserError(error: unknown, what = "a file"): unknown {
  if (error instanceof SealerError || !(error instanceof Error)) return error;
  const { code = "", errno = 0, path, syscall } = error as NodeJS.ErrnoException;
  const hint = hints.get(code);
  if (hint === undefined || syscall === undefined) return error;
  const reason = getSystemErrorMap().get(errno)?.[1] ?? error.message;
  return new SealerError(
    code === "ENOSPC" || code === "EDQUOT" ? "DISK_FULL" : "FILE_INVALID",
    `cannot use ${path ?? what}: ${reason}`,
    { ...(path === undefined ? {} : { where: path }), hint, cause: error },
  );
}

const space = "Free some space (sealer prune drops what no image needs) and run the same command again.";
const rights = "Run as a user who may use it, or choose other folders by --root and --home.";
const hints: ReadonlyMap<string, string> = new Map([
  ["ENOSPC", space],
  ["EDQUOT", space],
  ["EACCES", rights],
  ["EPERM", rights],
  ["EROFS", rights],
  ["ENOTDIR", "A file stands where a folder is needed: look at the path, at --root and at --home."],
  ["EMFILE", "Raise the limit of open files (ulimit -n) and run the same command again."],
  ["ENFILE", "Too many files are open on this machine: close some and run the same command again."],
]);
