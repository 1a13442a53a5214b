import { chmod, lstat, readlink } from "node:fs/promises";
import { join, posix } from "node:path";
import type { FileStat } from "./host.ts";

/** A folder that stands for `/`: no path and no symbolic link leads out of it. */
export class FakeRoot {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  /** Where a path of the fake host really is. */
  async resolve(path: string, { followLast = true } = {}): Promise<string> {
    if (!posix.isAbsolute(path)) throw new Error(`${path} is not an absolute path`);
    let rest = posix.normalize(path).split("/").filter(Boolean);
    let done: string[] = [];
    for (let links = 0; rest.length > 0; ) {
      const [name = "", ...after] = rest;
      rest = after;
      if (name === "..") done.pop();
      else if (name !== ".") done.push(name);
      const target = rest.length > 0 || followLast ? await linkTarget(join(this.#root, ...done)) : undefined;
      if (target === undefined) continue;
      if (++links > 40) throw new Error(`too many symbolic links: ${path}`);
      done = posix.isAbsolute(target) ? [] : done.slice(0, -1);
      rest = [...target.split("/").filter(Boolean), ...rest];
    }
    return join(this.#root, ...done);
  }

  async lstat(real: string): Promise<FileStat> {
    const found = await lstat(real);
    const type = found.isFile()
      ? "file"
      : found.isDirectory()
        ? "directory"
        : found.isSymbolicLink()
          ? "symlink"
          : "other";
    return { type, size: found.size, mode: found.mode & 0o7777, uid: found.uid, gid: found.gid };
  }

  chmod(real: string, mode: number): Promise<void> {
    return chmod(real, mode);
  }
}

async function linkTarget(path: string): Promise<string | undefined> {
  try {
    return await readlink(path);
  } catch {
    return undefined;
  }
}
