import { SealerError } from "#errors";
import { fsError } from "#files";

/** A full disk is the user's to mend, and so is one that cannot be written; the rest stays as it is. */
export function diskError(error: unknown, path: string): unknown {
  if (error instanceof SealerError) return error;
  switch ((error as NodeJS.ErrnoException).code) {
    case "ENOSPC":
    case "EDQUOT":
      return new SealerError("DISK_FULL", `the disk is full: ${path} cannot be written`, {
        where: path,
        hint: "Free some space (sealer prune drops what no image needs) and run the same command again.",
        cause: error,
      });
    case "EACCES":
    case "EPERM":
    case "EROFS":
    case "ENOENT":
    case "ENOTDIR":
    case "EISDIR":
      return fsError(error, "write", path);
    default:
      return error;
  }
}
