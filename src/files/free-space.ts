import { statfs } from "node:fs/promises";
import { fsError } from "./fs-error.ts";

/** Bytes that this user can still write to the file system that `path` is on. */
export async function freeSpace(path: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  } catch (error) {
    throw fsError(error, "measure the file system of", path);
  }
}
