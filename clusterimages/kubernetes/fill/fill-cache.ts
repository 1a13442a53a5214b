import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";

/**
 * What fills have made before, by content: a folder `<name>-<digest of its inputs>` is there whole or not at all. It may
 * be deleted at any time.
 */
export class FillCache {
  readonly root: string;
  readonly #say: (text: string) => void;

  constructor(root: string, say: (text: string) => void) {
    this.root = root;
    this.#say = say;
  }

  /** The folder that `make` fills, or has filled before from the same inputs. */
  async folder(
    name: string,
    inputs: readonly string[],
    make: (folder: string) => Promise<void>,
  ): Promise<string> {
    const digest = createHash("sha256").update(JSON.stringify(inputs)).digest("hex").slice(0, 16);
    const folder = join(this.root, `${name}-${digest}`);
    if (existsSync(folder)) return folder;
    this.#say(`making ${name}`);
    const unfinished = `${folder}.${process.pid}`;
    await rm(unfinished, { recursive: true, force: true });
    await mkdir(unfinished, { recursive: true });
    try {
      await make(unfinished);
      await rename(unfinished, folder);
      await this.#dropOld(name);
    } catch (error) {
      await rm(unfinished, { recursive: true, force: true });
      // Another fill was faster.
      if (!existsSync(folder)) throw error;
    }
    return folder;
  }

  /** Of each name, the newest two are kept. */
  async #dropOld(name: string): Promise<void> {
    const known = new RegExp(`^${name}-[0-9a-f]{16}$`);
    const folders = await Promise.all(
      (await readdir(this.root))
        .filter((entry) => known.test(entry))
        .map(async (entry) => ({ entry, made: (await stat(join(this.root, entry))).ctimeMs })),
    );
    for (const { entry } of folders.sort((a, b) => b.made - a.made).slice(2)) {
      await rm(join(this.root, entry), { recursive: true, force: true });
    }
  }

  /** A folder that is only scratch space and speeds up later work, such as a compiler's cache. */
  async scratch(name: string): Promise<string> {
    const folder = join(this.root, name);
    await mkdir(folder, { recursive: true });
    return folder;
  }
}

/** The contents of files, as inputs of a cached folder. */
export async function contentsOf(paths: readonly string[]): Promise<string[]> {
  return Promise.all(
    paths.map(async (path) =>
      createHash("sha256")
        .update(await readFile(path))
        .digest("hex"),
    ),
  );
}
