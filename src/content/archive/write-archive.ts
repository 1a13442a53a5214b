import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { open, rename, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import type { Writable } from "node:stream";
import { syncDirectory, TarWriter } from "#files";
import { diskError } from "../disk-error.ts";

/** A path, or a stream, which is left open. */
export type ArchiveOutput = string | Writable;

/** Writes a tar archive. Under a path it appears when it is whole; a file that was there stays until then. */
export async function writeArchive(
  output: ArchiveOutput,
  fill: (tar: TarWriter) => Promise<void>,
): Promise<void> {
  if (typeof output === "string") return writeFile(output, fill);
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => {});
  output.once("error", failure.reject);
  const tar = new TarWriter(async (chunk) => {
    if (!output.write(chunk)) await Promise.race([once(output, "drain"), failure.promise]);
  });
  await Promise.race([fill(tar).then(() => tar.finish()), failure.promise]);
  output.off("error", failure.reject);
}

async function writeFile(path: string, fill: (tar: TarWriter) => Promise<void>): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    const file = await open(temporary, "wx", 0o644);
    try {
      const tar = new TarWriter(async (chunk) => {
        for (let done = 0; done < chunk.length; ) {
          done += (await file.write(chunk, done, chunk.length - done)).bytesWritten;
        }
      });
      await fill(tar);
      await tar.finish();
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    await unlink(temporary).catch(() => {});
    throw diskError(error, path);
  }
}
