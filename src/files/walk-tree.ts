import type { Stats } from "node:fs";
import { SealerError } from "#errors";
import { fsError, printable } from "./fs-error.ts";
import { SafeDirectory } from "./safe-directory.ts";

export interface TreeEntry {
  /** Below the root, without a "/" at either end. */
  readonly path: string;
  /** The same where it is not UTF-8. */
  readonly pathBytes: Buffer;
  readonly stat: Stats;
}

/** An entry together with the open folder it is in: good until the next entry is asked for. */
export interface OpenTreeEntry extends TreeEntry {
  readonly folder: SafeDirectory;
  readonly name: Buffer;
}

/**
 * Everything below the folder `root`, folders before what is in them, names in the order of their bytes. No link is
 * followed. A folder that `descend` refuses is told, but not looked into.
 */
export async function* walkTree(
  root: string,
  options: {
    readonly descend?: (entry: TreeEntry) => boolean;
    readonly signal?: AbortSignal | undefined;
  } = {},
): AsyncGenerator<TreeEntry> {
  using folder = openRoot(root);
  for (const { path, pathBytes, stat } of walkOpenTree(folder, options.descend)) {
    options.signal?.throwIfAborted();
    yield { path, pathBytes, stat };
  }
}

/** @throws FILE_NOT_FOUND, FILE_INVALID */
export function openRoot(path: string): SafeDirectory {
  try {
    return SafeDirectory.open(path);
  } catch (error) {
    throw fsError(error, "read the folder", path);
  }
}

/** The same, for whoever also opens what is told; `root` stays open. */
export function* walkOpenTree(
  root: SafeDirectory,
  descend: (entry: TreeEntry) => boolean = () => true,
): Generator<OpenTreeEntry> {
  yield* walkFolder(root, Buffer.alloc(0), 1, descend);
}

/** As deep as what we unpack: each level holds one open folder. */
export const depthLimit = 255;

function* walkFolder(
  folder: SafeDirectory,
  above: Buffer,
  depth: number,
  descend: (entry: TreeEntry) => boolean,
): Generator<OpenTreeEntry> {
  for (const name of folder.names()) {
    const pathBytes = above.length === 0 ? name : Buffer.concat([above, slash, name]);
    const stat = folder.lstat(name);
    if (!stat) continue;
    const entry = { path: pathBytes.toString(), pathBytes, stat, folder, name };
    yield entry;
    if (!stat.isDirectory() || !descend(entry)) continue;
    if (depth >= depthLimit) throw tooDeep(pathBytes);
    const below = openListed(folder, entry);
    try {
      yield* walkFolder(below, pathBytes, depth + 1, descend);
    } finally {
      below.close();
    }
  }
}

const slash = Buffer.from("/");

function openListed(folder: SafeDirectory, { name, pathBytes, stat }: OpenTreeEntry): SafeDirectory {
  try {
    const below = folder.openDirectory(name);
    const { dev, ino } = below.stat();
    if (dev === stat.dev && ino === stat.ino) return below;
    below.close();
  } catch (error) {
    throw fsError(error, "read the folder", pathBytes);
  }
  throw changed(pathBytes);
}

export function changed(path: Uint8Array): SealerError {
  const where = printable(path);
  return new SealerError("FILE_INVALID", `${where} was changed while it was being read`, {
    where,
    hint: "Try again when nothing else writes there.",
  });
}

function tooDeep(path: Uint8Array): SealerError {
  const where = printable(path);
  return new SealerError("PATH_UNSAFE", `${where} is more than ${depthLimit} folders deep`, { where });
}
