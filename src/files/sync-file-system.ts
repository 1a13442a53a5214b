import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { fsError, isFsError } from "./fs-error.ts";
import { programMissing } from "./run-program.ts";

/**
 * Flushes the file system that `path` is on, as syncfs(2) does: for a tree of many files, before the rename that makes
 * it visible.
 */
export async function syncFileSystem(path: string): Promise<void> {
  try {
    await promisify(execFile)("sync", ["--file-system", "--", path]);
  } catch (error) {
    throw isFsError(error, "ENOENT")
      ? programMissing("sync", "coreutils", error)
      : fsError(error, "flush", path);
  }
}
