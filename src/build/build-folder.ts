import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
} from "node:fs";
import { SealerError } from "#errors";
import { type IgnorePatterns, parseIgnorePatterns } from "./ignore-patterns.ts";

export interface FolderEntry {
  /** Relative to the build folder, without links on the way; "" is the folder itself. */
  readonly path: string;
  readonly kind: "file" | "directory" | "symlink" | "other";
  readonly stat: BigIntStats;
  readonly linkname?: string;
}

/**
 * The folder that a build takes its files from. Every component of a path is opened for itself and never through a
 * link, so that neither a link nor somebody who swaps folders meanwhile leads outside.
 */
export class BuildFolder implements Disposable {
  readonly root: string;
  readonly ignore: IgnorePatterns;
  readonly #fd: number;

  /** @param ignoreNames files with ignore patterns; the first that is there counts */
  constructor(root: string, ignoreNames: readonly string[] = [".dockerignore"]) {
    this.root = root;
    try {
      this.#fd = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY);
    } catch (cause) {
      throw new SealerError("FILE_NOT_FOUND", `the build folder ${root} is not there, or is not a folder`, {
        where: root,
        hint: "Name the folder with the files to build from: sealer build -t NAME PATH.",
        cause,
      });
    }
    const patterns = ignoreNames.find((name) => this.find(name)?.kind === "file");
    this.ignore = parseIgnorePatterns(patterns === undefined ? "" : this.readText(patterns), patterns);
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }

  /** What is at `path`; links are followed as if the build folder were `/`. Ignore patterns are not asked. */
  find(path: string): FolderEntry | undefined {
    const waiting = components(path);
    let at: string[] = [];
    for (let links = 0; waiting.length > 0; ) {
      const name = waiting.shift()!;
      if (name === "..") {
        at = at.slice(0, -1);
        continue;
      }
      const entry = this.#entry([...at, name].join("/"));
      if (!entry) return undefined;
      if (entry.kind !== "symlink") {
        at.push(name);
        continue;
      }
      if (++links > 40) return undefined;
      if (entry.linkname!.startsWith("/")) at = [];
      waiting.unshift(...components(entry.linkname!));
    }
    return this.#entry(at.join("/"));
  }

  /** Names in the folder at `path`, sorted by their bytes. */
  names(path: string): string[] {
    return this.#inFolder(path, (fd) =>
      readdirSync(`/proc/self/fd/${fd}`, { encoding: "buffer" })
        .sort(Buffer.compare)
        .map((name) => mustBeText(name, path)),
    );
  }

  /** All below `path` that no ignore pattern keeps out, folders before what is in them. Links are told, not followed. */
  *walk(path: string): Generator<FolderEntry> {
    for (const name of this.names(path)) {
      const entry = this.#entry(path === "" ? name : `${path}/${name}`);
      if (!entry) continue;
      const excluded = this.ignore.excludedBy(entry.path) !== undefined;
      if (!excluded) yield entry;
      if (entry.kind !== "directory" || (excluded && !this.ignore.hasExceptions)) continue;
      yield* this.walk(entry.path);
    }
  }

  /** The bytes of a file that was listed as `entry`. @throws FILE_INVALID where it has changed since */
  *read({ path, stat }: FolderEntry): Generator<Buffer> {
    const fd = this.#inFolder(dirname(path), (folder) =>
      openSync(
        `/proc/self/fd/${folder}/${basename(path)}`,
        constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
      ),
    );
    try {
      const now = fstatSync(fd, { bigint: true });
      if (now.dev !== stat.dev || now.ino !== stat.ino || now.size !== stat.size) throw changed(path);
      for (let left = Number(stat.size); left > 0; ) {
        const chunk = Buffer.allocUnsafeSlow(Math.min(left, 1 << 20));
        const length = readSync(fd, chunk, 0, chunk.length, null);
        if (length === 0) throw changed(path);
        yield chunk.subarray(0, length);
        left -= length;
      }
    } finally {
      closeSync(fd);
    }
  }

  /** A small file as text. */
  readText(path: string): string {
    const entry = this.find(path);
    if (entry?.kind !== "file")
      throw new SealerError("FILE_NOT_FOUND", `${path} is not a file in ${this.root}`);
    if (entry.stat.size > 16n << 20n) throw new SealerError("FILE_INVALID", `${path} is larger than 16 MB`);
    return Buffer.concat([...this.read(entry)]).toString();
  }

  #entry(path: string): FolderEntry | undefined {
    if (path === "") return { path, kind: "directory", stat: fstatSync(this.#fd, { bigint: true }) };
    try {
      return this.#inFolder(dirname(path), (fd) => {
        const place = `/proc/self/fd/${fd}/${basename(path)}`;
        const stat = lstatSync(place, { bigint: true });
        if (stat.isSymbolicLink()) return { path, kind: "symlink", stat, linkname: readlinkSync(place) };
        return { path, kind: stat.isFile() ? "file" : stat.isDirectory() ? "directory" : "other", stat };
      });
    } catch (error) {
      if (["ENOENT", "ENOTDIR", "ELOOP"].includes((error as NodeJS.ErrnoException).code ?? ""))
        return undefined;
      throw error;
    }
  }

  #inFolder<Result>(path: string, work: (fd: number) => Result): Result {
    let fd = this.#fd;
    try {
      for (const name of components(path)) {
        const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
        const next = openSync(`/proc/self/fd/${fd}/${name}`, flags);
        if (fd !== this.#fd) closeSync(fd);
        fd = next;
      }
      return work(fd);
    } finally {
      if (fd !== this.#fd) closeSync(fd);
    }
  }
}

function components(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}

function dirname(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

function basename(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function mustBeText(name: Buffer, folder: string): string {
  const text = name.toString();
  if (Buffer.from(text).equals(name)) return text;
  throw new SealerError(
    "FILE_INVALID",
    `a name in ${folder || "the build folder"} is not UTF-8: ${JSON.stringify(text)}`,
    {
      hint: "Rename it, or leave it out by .dockerignore.",
    },
  );
}

function changed(path: string): SealerError {
  return new SealerError("FILE_INVALID", `${path} was changed while it was being read`, {
    where: path,
    hint: "Build again when nothing else writes there.",
  });
}
