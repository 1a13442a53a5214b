import { SealerError } from "#errors";
import type { ConfinedTree } from "./confined-tree.ts";
import { printable } from "./fs-error.ts";
import type { TarEntry } from "./tar-header.ts";
import { writeXattrs } from "./xattrs.ts";

/** Collects the extended attributes of a layer and sets them all at the end, by one program for each kind. */
export class LayerAttributes {
  readonly #tree: ConfinedTree;
  readonly #warn: (message: string) => void;
  readonly #wanted = new Map<string, Map<string, Uint8Array>>();
  readonly #hiding = new Map<string, Map<string, Uint8Array>>();

  constructor(tree: ConfinedTree, warn: (message: string) => void) {
    this.#tree = tree;
    this.#warn = warn;
  }

  /** Keeps what users set for themselves; the rest grants rights, or steers overlayfs. */
  note(key: string, { type, xattrs, pathBytes }: TarEntry): void {
    this.#wanted.delete(key);
    const kept = [...xattrs].filter(([name]) => isAllowed(name) && (type === "file" || type === "directory"));
    if (kept.length > 0) this.#wanted.set(key, new Map(kept));
    if (kept.length === xattrs.size) return;
    const dropped = [...xattrs.keys()].filter((name) => !kept.some(([other]) => other === name));
    this.#warn(`${printable(pathBytes)}: extended attributes are dropped: ${printable(dropped.join(", "))}`);
  }

  /** What lower layers have in the folder `key` will not be seen through overlayfs. */
  hideLower(key: string): void {
    this.#hiding.set(key, new Map([["trusted.overlay.opaque", Buffer.from("y")]]));
  }

  write(): void {
    writeXattrs(this.#tree.root, this.#standing(this.#hiding));
    try {
      writeXattrs(this.#tree.root, this.#standing(this.#wanted));
    } catch (error) {
      if (error instanceof SealerError) throw error;
      this.#warn(`extended attributes of the user are dropped: ${(error as Error).message}`);
    }
  }

  /** Those whose path is still what it was: later entries of the layer may have put something else there. */
  #standing(
    xattrs: ReadonlyMap<string, ReadonlyMap<string, Uint8Array>>,
  ): Map<string, ReadonlyMap<string, Uint8Array>> {
    return new Map([...xattrs].filter(([key]) => this.#stands(key)));
  }

  #stands(key: string): boolean {
    const parts = key.split("/").map((part) => Buffer.from(part, "latin1"));
    const name = parts.pop()!;
    try {
      const place = this.#tree.enter(parts);
      const stat = place?.key === key.slice(0, Math.max(0, key.lastIndexOf("/"))) && place.folder.lstat(name);
      return stat ? stat.isDirectory() || stat.isFile() : false;
    } catch (error) {
      if (error instanceof SealerError) return false;
      throw error;
    }
  }
}

function isAllowed(name: string): boolean {
  return /^user\.[\w.-]+$/.test(name) && !name.startsWith("user.overlay.");
}
