import { basename, dirname, resolve } from "node:path";
import { SealerError } from "#errors";
import { fsError, printable } from "./fs-error.ts";
import { type PackOptions, packEntries } from "./pack-entries.ts";
import { SafeDirectory } from "./safe-directory.ts";
import { type OpenTreeEntry, walkOpenTree } from "./walk-tree.ts";

/**
 * The tree below the folder `root` as a tar archive; where `root` is a file or a link, that alone, under the name
 * `prefix`. The same tree gives the same bytes: names are sorted, times, owners and xattrs are not those of the disk.
 * Modes and hard links are kept, no link is followed, sockets are left out.
 * @throws PATH_UNSAFE for a device or a fifo; FILE_INVALID for what cannot be read or changes meanwhile
 */
export async function* packTree(root: string, options: PackOptions = {}): AsyncGenerator<Uint8Array> {
  yield* packEntries(treeAt(root, options), options);
}

function* treeAt(
  root: string,
  { includeRoot = false, select = () => true }: PackOptions,
): Generator<OpenTreeEntry> {
  const above = SafeDirectory.open(dirname(resolve(root)));
  try {
    const name = Buffer.from(basename(resolve(root)) || ".");
    const stat = above.lstat(name);
    if (!stat) throw new SealerError("FILE_NOT_FOUND", `${printable(root)} does not exist`, { where: root });
    if (includeRoot || !stat.isDirectory())
      yield { path: "", pathBytes: Buffer.alloc(0), stat, folder: above, name };
    if (stat.isDirectory()) yield* selectedBelow(root, select);
  } catch (error) {
    throw fsError(error, "pack", root);
  } finally {
    above.close();
  }
}

export function* selectedBelow(
  root: string,
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
