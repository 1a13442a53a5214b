import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { type FileHandle, open, realpath, rename, stat, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import type { Writable } from "node:stream";
import { SealerError } from "#errors";
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
  const there = await stat(path).catch(() => undefined);
  if (there?.isDirectory()) {
    throw new SealerError("FILE_INVALID", `${path} is a folder, and an archive is a file`, {
      where: path,
      hint: `Write to a file in it: ${path}/image.tar.`,
    });
  }
  // A device or a pipe is written to; putting a file in its place would break the machine.
  if (there && !there.isFile()) return writeThrough(path, fill);
  const target = there ? await realpath(path) : path;
  const temporary = `${target}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    const file = await open(temporary, "wx", 0o644);
    try {
      await fillFile(file, fill);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, target);
    await syncDirectory(dirname(target));
  } catch (error) {
    await unlink(temporary).catch(() => {});
    throw diskError(error, path);
  }
}

async function writeThrough(path: string, fill: (tar: TarWriter) => Promise<void>): Promise<void> {
  try {
    const file = await open(path, "w");
    try {
      await fillFile(file, fill);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw diskError(error, path);
  }
}

async function fillFile(file: FileHandle, fill: (tar: TarWriter) => Promise<void>): Promise<void> {
  const tar = new TarWriter(async (chunk) => {
    for (let done = 0; done < chunk.length; ) {
      done += (await file.write(chunk, done, chunk.length - done)).bytesWritten;
    }
  });
  await fill(tar);
  await tar.finish();
}
