import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, rename, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fsError } from "./fs-error.ts";
import { syncDirectory } from "./sync-directory.ts";

/**
 * Replaces a file so that a reader, a crash or a power cut finds the old content or the new one, whole.
 * `mode` (default 0644) is set exactly, whatever the umask. `durable: false` leaves out both fsyncs.
 * @throws DISK_FULL, FILE_NOT_FOUND (no such folder), FILE_INVALID; the old content is then untouched
 */
export async function writeFileAtomic(
  path: string,
  data: string | Uint8Array,
  { mode = 0o644, durable = true }: { readonly mode?: number; readonly durable?: boolean } = {},
): Promise<void> {
  const temporary = join(
    dirname(path),
    `.${basename(path).slice(0, 50)}.${randomBytes(6).toString("hex")}.tmp`,
  );
  try {
    const file = await open(temporary, newFile, 0o600);
    try {
      await fill(file, data, mode, durable);
      await rename(temporary, path);
    } catch (error) {
      await unlink(temporary).catch(() => {});
      throw error;
    }
    if (durable) await syncDirectory(dirname(path));
  } catch (error) {
    throw fsError(error, "write", path);
  }
}

/** Nobody can have put a file or a link there before us. */
const newFile = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

async function fill(
  file: FileHandle,
  data: string | Uint8Array,
  mode: number,
  durable: boolean,
): Promise<void> {
  try {
    await file.writeFile(data);
    await file.chmod(mode);
    if (durable) await file.sync();
  } finally {
    await file.close();
  }
}
