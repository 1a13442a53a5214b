import { chmodSync, rmdirSync, unlinkSync } from "node:fs";
import { keyOf, type Place } from "./confined-tree.ts";

/** Removes an entry and, where it is a folder, all below it; no link is followed. */
export function removeEntry(parent: Place, name: Buffer): void {
  removeExcept(parent, name, () => false);
}

/**
 * Removes an entry and all below it except for what `kept` names: a folder stays where something in it is kept, or it is
 * kept itself; what else is in it goes.
 */
export function removeExcept(parent: Place, name: Buffer, kept: (key: string) => boolean): void {
  const stat = parent.folder.lstat(name);
  if (!stat) return;
  const keep = kept(keyOf(parent.key, name));
  if (stat.isDirectory()) {
    if (!keep) chmodSync(parent.folder.at(name), 0o700);
    emptyExcept(parent, name, kept);
    if (!keep) rmdirSync(parent.folder.at(name));
  } else if (!keep) {
    unlinkSync(parent.folder.at(name));
  }
}

function emptyExcept(parent: Place, name: Buffer, kept: (key: string) => boolean): void {
  const folder = parent.folder.openDirectory(name);
  try {
    const place = { folder, key: keyOf(parent.key, name), clamped: false };
    for (const child of folder.names()) removeExcept(place, child, kept);
  } finally {
    folder.close();
  }
}
