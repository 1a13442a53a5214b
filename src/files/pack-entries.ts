import { closeSync, constants, fstatSync, openSync, readlinkSync, readSync, type Stats } from "node:fs";
import { SealerError } from "#errors";
import { fsError, printable } from "./fs-error.ts";
import { isReserved } from "./layer-name.ts";
import { TarBuffer } from "./tar-buffer.ts";
import { encodeTarHeader } from "./tar-encoder.ts";
import { type TarHeader, tarEnd, tarPaddingOf } from "./tar-header.ts";
import { changed, type OpenTreeEntry } from "./walk-tree.ts";

export interface PackOptions {
  /**
   * What goes in; everything unless told. A folder that is refused is not looked into; "descend" looks into it and
   * packs it only if something in it is packed.
   */
  readonly select?: (path: string, stat: Stats) => boolean | "descend";
  /** Seconds since 1970, for every entry. Default 0. */
  readonly mtime?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Where the tree goes: `etc` packs `a` as `etc/a`. Folders on the way there get no entry. */
  readonly prefix?: string;
  /**
   * The root is a path below this folder, and found as in a chroot: links on the way to it lead nowhere else. Whoever
   * changes the tree meanwhile changes nothing about that.
   */
  readonly confinedTo?: string;
  /** Also pack the folder `root` itself, as the prefix (or `./`). Default false. */
  readonly includeRoot?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** What a layer says of the layers below it: this path is gone, or this folder hides all of what was in it. */
export interface LayerMark {
  readonly mark: Buffer;
}

/** Packs entries of a tree, and marks, in the order in which they come. */
export async function* packEntries(
  entries: Iterable<OpenTreeEntry | LayerMark> | AsyncIterable<OpenTreeEntry | LayerMark>,
  options: PackOptions,
): AsyncGenerator<Uint8Array> {
  const tar = new TarBuffer();
  const linked = new Map<string, Buffer>();
  for await (const entry of entries) {
    options.signal?.throwIfAborted();
    const header = "mark" in entry ? markHeader(entry, options) : entryHeader(entry, linked, options);
    if (!header) continue;
    if ("mark" in entry || header.type !== "file") {
      tar.put(encodeTarHeader(header));
    } else {
      for (const bytes of openFile(entry, header)) {
        options.signal?.throwIfAborted();
        tar.put(bytes);
        yield* tar.take();
      }
    }
    yield* tar.take();
  }
  tar.put(tarEnd);
  yield* tar.takeRest();
}

function markHeader({ mark }: LayerMark, options: PackOptions): TarHeader {
  return { path: placed(mark, options), type: "file", mode: 0o644, size: 0, ...common(options) };
}

/** The header, save for a file's size, which is known when the file is open. Nothing for what is left out. */
function entryHeader(
  entry: OpenTreeEntry,
  linked: Map<string, Buffer>,
  options: PackOptions,
): TarHeader | undefined {
  const { stat, pathBytes } = entry;
  const path = placed(pathBytes, options);
  const header = { path, mode: stat.mode & 0o7777, ...common(options) };
  if (isReserved(entry.name)) throw reserved(pathBytes);
  if (stat.isDirectory()) return { ...header, type: "directory", path: Buffer.concat([path, slash]) };
  if (stat.isSocket()) return undefined;
  if (!stat.isFile() && !stat.isSymbolicLink()) throw special(pathBytes);
  const first = stat.nlink > 1 ? linked.get(inodeOf(stat)) : undefined;
  if (first) return { ...header, type: "hardlink", linkname: first };
  if (stat.nlink > 1) linked.set(inodeOf(stat), path);
  if (stat.isFile()) return { ...header, type: "file" };
  return { ...header, type: "symlink", mode: 0o777, linkname: linkOf(entry) };
}

function placed(path: Buffer, { prefix = "" }: PackOptions): Buffer {
  const parts = [Buffer.from(prefix.replace(/^\/+|\/+$/g, "")), path].filter(({ length }) => length > 0);
  if (parts.length === 0) return Buffer.from(".");
  return parts.length === 1 ? parts[0]! : Buffer.concat([parts[0]!, slash, parts[1]!]);
}

const slash = Buffer.from("/");

function common({ mtime = 0, uid = 0, gid = 0 }: PackOptions): Pick<TarHeader, "mtime" | "uid" | "gid"> {
  return { mtime, uid, gid };
}

function inodeOf({ dev, ino }: Stats): string {
  return `${dev}:${ino}`;
}

function linkOf({ folder, name, pathBytes }: OpenTreeEntry): Buffer {
  try {
    return readlinkSync(folder.at(name), { encoding: "buffer" });
  } catch (error) {
    throw fsError(error, "read the link", pathBytes);
  }
}

function special(path: Buffer): SealerError {
  const where = printable(path);
  return new SealerError("PATH_UNSAFE", `${where} is a device or a fifo, which cannot go into an image`, {
    where,
    hint: "Remove it, or leave it out.",
  });
}

function reserved(path: Buffer): SealerError {
  const where = printable(path);
  return new SealerError("PATH_UNSAFE", `${where} begins with .wh., by which layers mark what is gone`, {
    where,
    hint: "Give it another name, or leave it out.",
  });
}

/** Header, content and padding of a file that was listed as `entry`. The chunks are overwritten by the next ones. */
function* openFile(entry: OpenTreeEntry, header: TarHeader): Generator<Uint8Array> {
  const fd = openListedFile(entry);
  try {
    const { size, dev, ino } = fstatSync(fd);
    if (dev !== entry.stat.dev || ino !== entry.stat.ino) throw changed(entry.pathBytes);
    yield encodeTarHeader({ ...header, size });
    const buffer = Buffer.allocUnsafe(Math.min(size, 1 << 20));
    for (let left = size; left > 0; ) {
      const length = readSync(fd, buffer, 0, Math.min(left, buffer.length), null);
      if (length === 0) throw changed(entry.pathBytes);
      yield buffer.subarray(0, length);
      left -= length;
    }
    yield tarPaddingOf(size);
  } catch (error) {
    throw fsError(error, "read", entry.pathBytes);
  } finally {
    closeSync(fd);
  }
}

/** Not blocking: what was a file may be a fifo by now. */
function openListedFile({ folder, name, pathBytes }: OpenTreeEntry): number {
  try {
    return openSync(folder.at(name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    throw fsError(error, "read", pathBytes);
  }
}
