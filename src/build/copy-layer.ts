import { createHash } from "node:crypto";
import { PassThrough, type Readable } from "node:stream";
import { TarWriter } from "#files";
import type { BuildFolder } from "./build-folder.ts";
import type { LayerEntry } from "./plan-copy.ts";

/** A layer's uncompressed tar; `mtime` in seconds since 1970 for all entries. */
export function copyLayer(entries: readonly LayerEntry[], folder: BuildFolder, mtime: number): Readable {
  const bytes = new PassThrough({ highWaterMark: 4 << 20 });
  const tar = new TarWriter(async (chunk) => {
    if (bytes.destroyed) throw new Error("nobody reads the layer any more");
    if (!bytes.write(chunk)) await drained(bytes);
  });
  writeEntries(entries, folder, mtime, tar).then(
    () => bytes.end(),
    (error: Error) => bytes.destroy(error),
  );
  return bytes;
}

/**
 * A key that changes whenever the bytes of the layer may have: names, modes and what the file system tells of each file,
 * its inode and time of change included, which no program can set back. Undefined while a file is so fresh that another
 * write could leave no trace.
 */
export function stateKey(entries: readonly LayerEntry[], now: number): string | undefined {
  const hash = createHash("sha256");
  for (const { path, mode, uid, gid, from } of entries) {
    const { dev, ino, size, mtimeNs, ctimeNs, ctimeMs } =
      from?.stat ?? ({} as Partial<NonNullable<typeof from>["stat"]>);
    if (from?.kind === "file" && now - Number(ctimeMs) < 2000) return undefined;
    const content = from?.kind === "file" ? [dev, ino, size, mtimeNs, ctimeNs].join(" ") : from?.linkname;
    hash.update(JSON.stringify([path, from?.kind ?? "directory", mode, uid, gid, content ?? ""]));
  }
  return hash.digest("hex");
}

async function writeEntries(
  entries: readonly LayerEntry[],
  folder: BuildFolder,
  mtime: number,
  tar: TarWriter,
): Promise<void> {
  for (const { path, mode, uid, gid, from } of entries) {
    const header = { uid, gid, mtime };
    if (from?.kind === "file") {
      const size = Number(from.stat.size);
      await tar.add({ ...header, path, type: "file", mode, size }, chunksOf(folder.read(from)));
    } else if (from?.kind === "symlink") {
      await tar.add({ ...header, path, type: "symlink", mode: 0o777, linkname: from.linkname! });
    } else {
      await tar.add({ ...header, path: `${path}/`, type: "directory", mode });
    }
  }
  await tar.finish();
}

async function* chunksOf(chunks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

function drained(stream: PassThrough): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = () => {
      stream.off("drain", done).off("close", done).off("error", failed);
      resolve();
    };
    const failed = (error: Error) => {
      stream.off("drain", done).off("close", done);
      reject(error);
    };
    stream.once("drain", done).once("close", done).once("error", failed);
  });
}
