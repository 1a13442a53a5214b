import { basename, dirname, resolve } from "node:path";
import { SealerError } from "#errors";
import { ConfinedTree } from "./confined-tree.ts";
import { fsError, printable } from "./fs-error.ts";
import { safeParts } from "./layer-name.ts";
import { type PackOptions, packEntries } from "./pack-entries.ts";
import type { SafeDirectory } from "./safe-directory.ts";
import { type OpenTreeEntry, openRoot, walkOpenTree } from "./walk-tree.ts";

/**
 * The tree below the folder `root` as a tar archive; where `root` is a file or a link, that alone, under the name
 * `prefix`. The same tree gives the same bytes: names are sorted, times, owners and xattrs are not those of the disk.
 * Modes and hard links are kept, no link is followed, sockets are left out.
 * @throws PATH_UNSAFE for a device or a fifo; FILE_INVALID for what cannot be read or changes meanwhile
 */
export async function* packTree(root: string, options: PackOptions = {}): AsyncGenerator<Uint8Array> {
  yield* packEntries(treeAt(root, options), options);
}

function* treeAt(root: string, options: PackOptions): Generator<OpenTreeEntry> {
  const { folder, name } = openAbove(root, options.confinedTo);
  using above = folder;
  const stat = above.lstat(name);
  if (!stat) throw new SealerError("FILE_NOT_FOUND", `${printable(root)} does not exist`, { where: root });
  if (options.includeRoot || !stat.isDirectory()) {
    yield { path: "", pathBytes: Buffer.alloc(0), stat, folder: above, name };
  }
  if (!stat.isDirectory()) return;
  using below = openFolder(above, name, root);
  yield* selectedBelow(below, options.select ?? (() => true));
}

/** The folder that `root` is in: as the system finds it, or with `confinedTo` in the place of "/". */
function openAbove(root: string, confinedTo: string | undefined): { folder: SafeDirectory; name: Buffer } {
  const name = Buffer.from(basename(resolve("/", root)) || ".");
  if (confinedTo === undefined) return { folder: openRoot(dirname(resolve(root))), name };
  const parts = safeParts(Buffer.from(root)).slice(0, -1);
  using tree = new ConfinedTree(confinedTo);
  const place = tree.enter(parts);
  if (!place) throw new SealerError("FILE_NOT_FOUND", `${printable(root)} does not exist`, { where: root });
  return { folder: place.folder.reopen(), name };
}

function openFolder(above: SafeDirectory, name: Buffer, root: string): SafeDirectory {
  try {
    return above.openDirectory(name);
  } catch (error) {
    throw fsError(error, "read the folder", root);
  }
}

export function* selectedBelow(
  root: SafeDirectory,
  select: NonNullable<PackOptions["select"]>,
): Generator<OpenTreeEntry> {
  let choice: boolean | "descend" = true;
  let waiting: OpenTreeEntry[] = [];
  for (const entry of walkOpenTree(root, () => choice !== false)) {
    choice = select(entry.path, entry.stat);
    if (choice === false) continue;
    waiting = waiting.filter(({ path }) => entry.path.startsWith(`${path}/`));
    if (choice === "descend" && entry.stat.isDirectory()) {
      waiting.push(entry);
      continue;
    }
    yield* waiting.splice(0);
    yield entry;
  }
}
