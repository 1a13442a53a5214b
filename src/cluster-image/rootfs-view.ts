import { execFile } from "node:child_process";
import type { Stats } from "node:fs";
import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { SealerError } from "#errors";

export interface RootfsEntry {
  /** Relative to the rootfs, links resolved; "" is the rootfs itself. */
  readonly path: string;
  readonly kind: "file" | "directory" | "symlink" | "other";
  readonly stat: Stats;
  /** Where the bytes are on this machine: one file, or the folders of all layers that a directory is made of, the top first. */
  readonly places: readonly string[];
}

/**
 * The merged rootfs of unpacked layers (overlay's whiteouts and opaque folders), for looking. Links are followed as
 * if the rootfs were `/`: nothing outside of the layers is ever read.
 */
export class RootfsView {
  readonly #layers: readonly string[];

  /** @param layerDirs the lowest first */
  constructor(layerDirs: readonly string[]) {
    this.#layers = layerDirs.toReversed();
  }

  /** What is at `path`; with `follow: false` a link at its end is not followed. */
  async find(path: string, options: { readonly follow?: boolean } = {}): Promise<RootfsEntry | undefined> {
    const waiting = components(path);
    let at: RootfsEntry[] = [await this.#root()];
    for (let links = 0; waiting.length > 0; ) {
      const name = waiting.shift()!;
      if (name === "..") {
        if (at.length > 1) at.pop();
        continue;
      }
      const entry = await child(at.at(-1)!, name);
      if (!entry) return undefined;
      if (entry.kind === "symlink" && (waiting.length > 0 || options.follow !== false)) {
        if (++links > 40) return undefined;
        const target = await readlink(entry.places[0]!);
        if (target.startsWith("/")) at = at.slice(0, 1);
        waiting.unshift(...components(target));
      } else {
        at.push(entry);
      }
    }
    return at.at(-1);
  }

  /** A file's content; undefined where there is no file. */
  async read(path: string, options: { readonly maxBytes?: number } = {}): Promise<Buffer | undefined> {
    const entry = await this.find(path);
    if (entry?.kind !== "file") return undefined;
    const { maxBytes = 16 << 20 } = options;
    if (entry.stat.size > maxBytes) {
      throw new SealerError(
        "FILE_INVALID",
        `${entry.path} in the rootfs is larger than ${maxBytes >> 20} MB`,
        {
          where: entry.path,
        },
      );
    }
    return readFile(entry.places[0]!);
  }

  /** The entries of a folder, by name; none where there is no folder. */
  async list(path: string): Promise<RootfsEntry[]> {
    const entry = await this.find(path);
    return entry?.kind === "directory" ? listEntry(entry) : [];
  }

  /** Everything below a folder, each folder before what is in it; links are told, not followed. */
  async *walk(path: string): AsyncGenerator<RootfsEntry> {
    for (const entry of await this.list(path)) {
      yield entry;
      if (entry.kind === "directory") yield* this.#walkEntry(entry);
    }
  }

  async *#walkEntry(entry: RootfsEntry): AsyncGenerator<RootfsEntry> {
    for (const one of await listEntry(entry)) {
      yield one;
      if (one.kind === "directory") yield* this.#walkEntry(one);
    }
  }

  async #root(): Promise<RootfsEntry> {
    const stat = this.#layers[0] === undefined ? emptyRoot : await lstat(this.#layers[0]);
    return { path: "", kind: "directory", stat, places: this.#layers };
  }
}

const emptyRoot = { mode: 0o40755, uid: 0, gid: 0, size: 0 } as Stats;

function components(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}

async function child(parent: RootfsEntry, name: string): Promise<RootfsEntry | undefined> {
  const path = parent.path === "" ? name : `${parent.path}/${name}`;
  const folders: { place: string; stat: Stats }[] = [];
  if (parent.kind !== "directory") return undefined;
  for (const [position, folder] of parent.places.entries()) {
    const place = join(folder, name);
    const stat = await lstatIfThere(place);
    if (!stat) continue;
    if (isWhiteout(stat)) break;
    if (!stat.isDirectory()) {
      if (folders.length > 0) break;
      return { path, kind: kindOf(stat), stat, places: [place] };
    }
    folders.push({ place, stat });
    const isLowest = position === parent.places.length - 1;
    if (!isLowest && (await isOpaque(place))) break;
  }
  const top = folders[0];
  return top && { path, kind: "directory", stat: top.stat, places: folders.map(({ place }) => place) };
}

async function listEntry(parent: RootfsEntry): Promise<RootfsEntry[]> {
  const names = new Set<string>();
  for (const place of parent.places) for (const name of await readdir(place)) names.add(name);
  const entries: RootfsEntry[] = [];
  for (const name of [...names].sort()) {
    const entry = await child(parent, name);
    if (entry) entries.push(entry);
  }
  return entries;
}

async function lstatIfThere(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
}

/** Overlay's whiteout: a character device 0:0. */
function isWhiteout(stat: Stats): boolean {
  return stat.isCharacterDevice() && stat.rdev === 0;
}

async function isOpaque(folder: string): Promise<boolean> {
  try {
    const { stdout } = await promisify(execFile)("getfattr", [
      "--absolute-names",
      "--only-values",
      "-n",
      "trusted.overlay.opaque",
      "--",
      folder,
    ]);
    return stdout === "y";
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") {
      throw new SealerError("FILE_NOT_FOUND", "the program getfattr is not installed", {
        hint: "Install the package attr.",
        cause: error,
      });
    }
    return false;
  }
}

function kindOf(stat: Stats): RootfsEntry["kind"] {
  return stat.isFile() ? "file" : stat.isSymbolicLink() ? "symlink" : "other";
}
