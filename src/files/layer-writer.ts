import {
  chmodSync,
  closeSync,
  constants,
  linkSync,
  mkdirSync,
  openSync,
  type Stats,
  statfsSync,
  symlinkSync,
  writeSync,
} from "node:fs";
import { SealerError } from "#errors";
import { ConfinedTree, keyOf, type Place, unsafe } from "./confined-tree.ts";
import { fsError } from "./fs-error.ts";
import { LayerAttributes } from "./layer-attributes.ts";
import { layerNameOf } from "./layer-name.ts";
import { type LinkTarget, linkText, openLinkTarget } from "./link-target.ts";
import { makeNode } from "./make-node.ts";
import { type Metadata, MetadataSetter } from "./metadata-setter.ts";
import { OverlayWhiteouts } from "./overlay-whiteouts.ts";
import { removeEntry, removeExcept } from "./remove-entry.ts";
import type { TarEntry } from "./tar-header.ts";

export interface LayerWriterOptions {
  readonly onWarning?: (message: string) => void;
  readonly ownership?: "keep" | "current";
  readonly keepWhiteouts?: "overlay";
  readonly devices?: "create";
}

/** Puts the entries of one layer onto a tree, in their order. */
export class LayerWriter {
  readonly #tree: ConfinedTree;
  readonly #options: LayerWriterOptions;
  readonly #attributes: LayerAttributes;
  readonly #metadata: MetadataSetter;
  readonly #whiteouts: OverlayWhiteouts | undefined;
  /** The keys of what this layer brought, with the folders above: its own whiteouts spare these. */
  readonly #brought = new Set<string>();
  /** Set when all else is done: a folder may be closed to us, and its time changes with what is put into it. */
  readonly #folders = new Map<string, Metadata>();

  constructor(root: string, options: LayerWriterOptions) {
    this.#tree = new ConfinedTree(root);
    this.#options = options;
    const warn = options.onWarning ?? (() => {});
    this.#attributes = new LayerAttributes(this.#tree, warn);
    this.#metadata = new MetadataSetter(options.ownership !== "current", warn);
    if (options.keepWhiteouts) this.#whiteouts = new OverlayWhiteouts(this.#tree.root);
  }

  async add(entry: TarEntry): Promise<void> {
    try {
      const name = layerNameOf(entry.pathBytes);
      switch (name.kind) {
        case "root":
          return this.#addRoot(entry);
        case "opaque":
          return this.#hideLower(name.folder, entry);
        case "whiteout":
          return this.#whiteOut(name.above, name.name);
        case "entry":
          return await this.#addEntry(entry, name.above, name.name);
      }
    } catch (error) {
      throw fsError(error, "unpack", entry.pathBytes);
    }
  }

  finish(): void {
    this.#whiteouts?.finish();
    this.#attributes.write();
    const deepestFirst = [...this.#folders].sort(([a], [b]) => (a < b ? 1 : -1));
    for (const [key, metadata] of deepestFirst) this.#finishFolder(key, metadata);
  }

  close(): void {
    this.#tree.close();
  }

  #addRoot(entry: TarEntry): void {
    if (entry.type !== "directory") throw unsafe(entry.pathBytes, "it would replace the root folder");
    this.#folders.set("", entry);
  }

  #whiteOut(above: readonly Buffer[], name: Buffer): void {
    const parent = this.#whiteouts ? this.#enter(above) : this.#tree.enter(above);
    if (!parent) return;
    const key = keyOf(parent.key, name);
    if (!this.#whiteouts) this.#removeLower(parent, name);
    else if (!this.#brought.has(key)) this.#whiteouts.put(parent, name);
    else if (parent.folder.lstat(name)?.isDirectory()) this.#attributes.hideLower(key);
  }

  #hideLower(path: readonly Buffer[], { pathBytes }: TarEntry): void {
    const place = this.#whiteouts ? this.#enter(path) : this.#tree.enter(path);
    if (!place) return;
    if (!this.#whiteouts) for (const name of place.folder.names()) this.#removeLower(place, name);
    else if (place.key !== "") this.#attributes.hideLower(place.key);
    else throw unsafe(pathBytes, "overlayfs cannot hide the whole of the layers below");
  }

  #removeLower(parent: Place, name: Buffer): void {
    this.#tree.forget(parent.key, name);
    removeExcept(parent, name, (key) => this.#brought.has(key));
  }

  async #addEntry(entry: TarEntry, above: readonly Buffer[], name: Buffer): Promise<void> {
    const target = entry.type === "hardlink" ? openLinkTarget(this.#tree, entry) : undefined;
    try {
      const parent = this.#enter(above);
      const key = keyOf(parent.key, name);
      this.#bring(key);
      if (entry.type === "directory") this.#makeFolder(parent, name);
      else this.#makeRoom(parent, name, target);
      await this.#create(entry, parent, name, target);
      this.#attributes.note(key, entry);
    } finally {
      target?.folder.close();
    }
  }

  async #create(entry: TarEntry, parent: Place, name: Buffer, target: LinkTarget | undefined): Promise<void> {
    const path = parent.folder.at(name);
    switch (entry.type) {
      case "file":
        return this.#writeFile(entry, path);
      case "directory":
        this.#folders.set(keyOf(parent.key, name), entry);
        return;
      case "symlink":
        symlinkSync(linkText(entry), path);
        return this.#metadata.onLink(path, entry);
      case "hardlink":
        return linkSync(target!.folder.at(target!.name), path);
      case "character":
      case "block":
      case "fifo":
        this.#expectNode(entry);
        makeNode(parent.folder, name, entry.type, entry.device);
        return this.#metadata.onNode(path, entry);
    }
  }

  /** Overlayfs would take a character device 0:0 for a whiteout. */
  #expectNode({ type, device, pathBytes }: TarEntry): void {
    if (!this.#options.devices)
      throw unsafe(pathBytes, `it is a ${type === "fifo" ? "fifo" : `${type} device`}`);
    if (type === "character" && device?.major === 0 && device.minor === 0)
      throw unsafe(pathBytes, "it is the device 0:0");
  }

  /** Makes the folders that are missing on the way. Each belongs to root, is open to all, and has no time of its own. */
  #enter(path: readonly Buffer[]): Place {
    return this.#tree.enter(path, {
      made: (key) => {
        this.#folders.set(key, { mode: 0o755, uid: 0, gid: 0, mtime: 0 });
        if (this.#whiteouts?.wasHidden(key)) this.#attributes.hideLower(key);
      },
      clear: (parent, name) => this.#whiteouts?.clear(parent, name) ?? false,
    })!;
  }

  #bring(key: string): void {
    let own = key;
    while (own !== "" && !this.#brought.has(own)) {
      this.#brought.add(own);
      own = own.slice(0, Math.max(0, own.lastIndexOf("/")));
    }
  }

  #makeFolder(parent: Place, name: Buffer): void {
    const there = parent.folder.lstat(name);
    if (there?.isDirectory()) {
      this.#openToUs(parent, name, there);
      return;
    }
    const hidden = this.#whiteouts?.clear(parent, name) ?? false;
    if (there && !hidden) this.#remove(parent, name);
    mkdirSync(parent.folder.at(name), 0o700);
    if (hidden) this.#attributes.hideLower(keyOf(parent.key, name));
  }

  /** Root may write anywhere; others must first be let into a folder that a lower layer has closed. */
  #openToUs(parent: Place, name: Buffer, { mode }: Stats): void {
    if (this.#options.ownership === "current" && (mode & 0o700) !== 0o700)
      chmodSync(parent.folder.at(name), 0o700);
  }

  #makeRoom(parent: Place, name: Buffer, target: LinkTarget | undefined): void {
    if (target && target.key === keyOf(parent.key, name)) throw unsafe(name, "it is a hard link to itself");
    if (parent.folder.lstat(name)) this.#remove(parent, name);
  }

  #remove(parent: Place, name: Buffer): void {
    this.#tree.forget(parent.key, name);
    removeEntry(parent, name);
  }

  async #writeFile(entry: TarEntry, path: Buffer): Promise<void> {
    this.#expectSpace(entry.size);
    const fd = openSync(
      path,
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      0o600,
    );
    try {
      if (entry.size > 0) for await (const chunk of entry.body) writeAll(fd, chunk);
      this.#metadata.onFile(fd, entry);
    } finally {
      closeSync(fd);
    }
  }

  /** A file of a terabyte need not be half written before it is clear that it does not fit. */
  #expectSpace(size: number): void {
    if (size < 64 << 20) return;
    const { bavail, bsize } = statfsSync(`/proc/self/fd/${this.#tree.root.fd}`);
    if (size > bavail * bsize) {
      throw new SealerError(
        "DISK_FULL",
        `a file of ${size} bytes does not fit into ${bavail * bsize} free bytes`,
        {
          hint: "Free some space and try again.",
        },
      );
    }
  }

  #finishFolder(key: string, metadata: Metadata): void {
    const place = this.#enterIfThere(key);
    if (place) this.#metadata.onFolder(place.folder.fd, metadata);
  }

  /** Nothing where a later entry has put something else in the folder's place. */
  #enterIfThere(key: string): Place | undefined {
    try {
      const place = this.#tree.enter(key.split("/").map((part) => Buffer.from(part, "latin1")));
      return place?.key === key ? place : undefined;
    } catch (error) {
      if (error instanceof SealerError) return undefined;
      throw error;
    }
  }
}

function writeAll(fd: number, chunk: Uint8Array): void {
  for (let at = 0; at < chunk.length; ) at += writeSync(fd, chunk, at);
}
