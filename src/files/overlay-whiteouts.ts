import { linkSync, unlinkSync } from "node:fs";
import { keyOf, type Place } from "./confined-tree.ts";
import { isFsError } from "./fs-error.ts";
import { makeNode } from "./make-node.ts";
import type { SafeDirectory } from "./safe-directory.ts";

/** Whiteouts in overlayfs's own form: character devices 0:0. They are hard links of one, which the kernel does too. */
export class OverlayWhiteouts {
  readonly #root: SafeDirectory;
  readonly #hidden = new Set<string>();
  #made = false;

  constructor(root: SafeDirectory) {
    this.#root = root;
  }

  put(parent: Place, name: Buffer): void {
    if (parent.folder.lstat(name)) return;
    if (!this.#made) this.#makeFirst();
    try {
      linkSync(this.#root.at(first), parent.folder.at(name));
    } catch (error) {
      if (!isFsError(error, "EMLINK")) throw error;
      this.finish();
      this.#makeFirst();
      linkSync(this.#root.at(first), parent.folder.at(name));
    }
  }

  /** Takes a whiteout away, if it is one, to make room for what the same layer brings instead. */
  clear(parent: Place, name: Buffer): boolean {
    const stat = parent.folder.lstat(name);
    if (!stat?.isCharacterDevice() || stat.rdev !== 0) return false;
    unlinkSync(parent.folder.at(name));
    this.#hidden.add(keyOf(parent.key, name));
    return true;
  }

  /** A folder that is made where a whiteout was must not show what lower layers had there. */
  wasHidden(key: string): boolean {
    return this.#hidden.has(key);
  }

  finish(): void {
    if (this.#made) unlinkSync(this.#root.at(first));
    this.#made = false;
  }

  #makeFirst(): void {
    makeNode(this.#root, first, "character", { major: 0, minor: 0 });
    this.#made = true;
  }
}

/** No entry of a layer can have this name. */
const first = Buffer.from(".wh..first");
