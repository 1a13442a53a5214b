import { type ConfinedTree, keyOf, unsafe } from "./confined-tree.ts";
import { printable } from "./fs-error.ts";
import { safeParts } from "./layer-name.ts";
import type { SafeDirectory } from "./safe-directory.ts";
import type { TarEntry } from "./tar-header.ts";

export interface LinkTarget {
  /** To be closed by whoever asked. */
  readonly folder: SafeDirectory;
  readonly name: Buffer;
  readonly key: string;
}

/**
 * The file that a hard link names, by a folder that is opened apart from the tree: the way to the new link closes the
 * folders on the way to its target.
 * @throws PATH_UNSAFE
 */
export function openLinkTarget(tree: ConfinedTree, entry: TarEntry): LinkTarget {
  const link = linkText(entry);
  const refuse = (why: string) =>
    unsafe(entry.pathBytes, `it is a hard link to "${printable(link)}", ${why}`);
  const parts = safeParts(link);
  const name = parts.pop();
  const parent = name && tree.enter(parts);
  if (!parent) throw refuse("which is not there");
  if (parent.clamped) throw refuse("which leads out of the root by way of a link");
  const stat = parent.folder.lstat(name);
  if (!stat) throw refuse("which is not there");
  if (stat.isDirectory() || (stat.isCharacterDevice() && stat.rdev === 0)) throw refuse("which is no file");
  return { folder: parent.folder.reopen(), name, key: keyOf(parent.key, name) };
}

/** What a symbolic or hard link points to. @throws PATH_UNSAFE */
export function linkText({ linkname, pathBytes }: TarEntry): Buffer {
  if (!linkname || linkname.length === 0) throw unsafe(pathBytes, "it is a link to nothing");
  if (linkname.length > 4095) throw unsafe(pathBytes, "it is a link to a name of more than 4095 bytes");
  return linkname;
}
