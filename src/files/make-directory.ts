import { chmod, mkdir, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { fsError, isFsError } from "./fs-error.ts";
import { syncDirectory } from "./sync-directory.ts";

/**
 * Makes a folder and what is missing above it, and sees to it that they survive a power cut. Folders that are made get
 * exactly `mode` (default 0755); those that are there keep theirs.
 */
export async function makeDirectory(
  path: string,
  { mode = 0o755 }: { readonly mode?: number } = {},
): Promise<void> {
  try {
    await make(resolve(path), mode);
  } catch (error) {
    throw fsError(error, "make the folder", path);
  }
}

async function make(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    if (isFsError(error, "ENOENT")) {
      await make(dirname(path), mode);
      return make(path, mode);
    }
    if (isFsError(error, "EEXIST") && (await stat(path)).isDirectory()) return;
    throw error;
  }
  await chmod(path, mode);
  await syncDirectory(dirname(path));
}
