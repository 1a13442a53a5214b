import { mkdirSync, readlinkSync } from "node:fs";
import { SealerError } from "#errors";
import { isFsError, printable } from "./fs-error.ts";
import { SafeDirectory } from "./safe-directory.ts";
import { depthLimit } from "./walk-tree.ts";

/** A folder of the tree, open; good until the tree is asked for the next one. */
export interface Place {
  readonly folder: SafeDirectory;
  /** Its real path below the root, every byte one character: "" or "a/b". */
  readonly key: string;
  /** A link on the way there pointed above the root, where it ends as chroot(2) has it: at the root. */
  readonly clamped: boolean;
}

export interface WayMaker {
  /** Told of a folder that was made on the way. */
  made(key: string): void;
  /** Something that is no folder stands on the way: takes it away (true), or lets the walk fail. */
  clear(parent: Place, name: Buffer): boolean;
}

/**
 * A folder tree whose links lead nowhere else: absolute ones start at its root, and ".." ends there, as in a chroot.
 * Folders stay open along the last path, so that neighbours are found at once.
 */
export class ConfinedTree {
  readonly root: SafeDirectory;
  #open: { readonly name: string; readonly folder: SafeDirectory }[] = [];

  constructor(root: string) {
    this.root = SafeDirectory.open(root);
  }

  /**
   * The folder at `path`; what is missing is made where there is a `way`, otherwise it is not there.
   * @throws PATH_UNSAFE for a loop of links, for a file on the way, and beyond the depth limit
   */
  enter(path: readonly Buffer[], way?: WayMaker): Place | undefined {
    const ahead = path.map((part) => part.toString("latin1")).reverse();
    let depth = 0;
    let links = 0;
    let clamped = false;
    for (let part = ahead.pop(); part !== undefined; part = ahead.pop()) {
      if (part === "" || part === ".") continue;
      if (part === "..") {
        clamped ||= depth === 0;
        depth = Math.max(0, depth - 1);
        continue;
      }
      const step = this.#step(depth, part, way);
      if (step === "there") depth++;
      else if (step === "missing") return undefined;
      else {
        if (++links > linkLimit) throw unsafe(path, "the links on the way lead in a circle");
        if (step.link[0] === slash) depth = 0;
        ahead.push(...step.link.toString("latin1").split("/").reverse());
      }
      if (depth > depthLimit) throw unsafe(path, `it is more than ${depthLimit} folders deep`);
    }
    return this.#place(depth, clamped);
  }

  /** Must be called before the entry `name` of the folder `key` is removed or replaced. */
  forget(key: string, name: Buffer): void {
    const depth = key === "" ? 0 : key.split("/").length;
    if (this.#open[depth]?.name === name.toString("latin1")) this.#closeFrom(depth);
  }

  close(): void {
    this.#closeFrom(0);
    this.root.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #step(
    depth: number,
    part: string,
    way: WayMaker | undefined,
  ): "there" | "missing" | { readonly link: Buffer } {
    if (this.#open[depth]?.name === part) return "there";
    this.#closeFrom(depth);
    const parent = this.#place(depth, false);
    const name = Buffer.from(part, "latin1");
    const found = openOrLink(parent.folder, name);
    if (found instanceof SafeDirectory) {
      this.#open.push({ name: part, folder: found });
      return "there";
    }
    if (found === "other" && !way?.clear(parent, name)) {
      throw unsafe(
        [Buffer.from(keyOf(parent.key, name), "latin1")],
        "it is not a folder, but something is put into it",
      );
    }
    if (found !== "missing" && found !== "other") return { link: found };
    if (!way) return "missing";
    mkdirSync(parent.folder.at(name), 0o700);
    way.made(keyOf(parent.key, name));
    return this.#step(depth, part, way);
  }

  #place(depth: number, clamped: boolean): Place {
    const folder = depth === 0 ? this.root : this.#open[depth - 1]!.folder;
    let key = "";
    for (let at = 0; at < depth; at++) key += `${at > 0 ? "/" : ""}${this.#open[at]!.name}`;
    return { folder, key, clamped };
  }

  #closeFrom(depth: number): void {
    for (const { folder } of this.#open.splice(depth)) folder.close();
  }
}

const linkLimit = 40;
const slash = 0x2f;

/** The key of an entry of the folder `folderKey`. */
export function keyOf(folderKey: string, name: Buffer): string {
  return folderKey === "" ? name.toString("latin1") : `${folderKey}/${name.toString("latin1")}`;
}

export function unsafe(path: readonly Buffer[] | Buffer, why: string): SealerError {
  const bytes = Buffer.isBuffer(path)
    ? path
    : Buffer.from(path.map((part) => part.toString("latin1")).join("/"), "latin1");
  const where = printable(bytes);
  return new SealerError("PATH_UNSAFE", `"${where}" is refused: ${why}`, { where });
}

function openOrLink(parent: SafeDirectory, name: Buffer): SafeDirectory | Buffer | "missing" | "other" {
  try {
    return parent.openDirectory(name);
  } catch (error) {
    if (isFsError(error, "ENOENT")) return "missing";
    if (!isFsError(error, "ENOTDIR", "ELOOP")) throw error;
  }
  try {
    return readlinkSync(parent.at(name), { encoding: "buffer" });
  } catch (error) {
    if (isFsError(error, "EINVAL")) return "other";
    throw error;
  }
}
