import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { makeDirectory, writeFileAtomic } from "#files";
import { type Descriptor, isDigest } from "#oci";

/** A layer that an instruction has made. */
export interface BuiltLayer {
  /** The diff id's hex. */
  readonly id: string;
  readonly descriptor: Descriptor;
}

/** What instructions have made before, by the digest of all that they depend on. `"empty"`: they changed nothing. */
export class LayerCache {
  readonly #folder: string;
  readonly #isThere: (content: Descriptor) => Promise<boolean>;

  /** @param isThere whether a layer is still in the store: the cache itself holds no layers */
  constructor(folder: string, isThere: (content: Descriptor) => Promise<boolean>) {
    this.#folder = folder;
    this.#isThere = isThere;
  }

  static key(parts: unknown): string {
    return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
  }

  async get(key: string): Promise<BuiltLayer | "empty" | undefined> {
    const text = await readFile(join(this.#folder, key), "utf8").catch(() => undefined);
    const noted = text === undefined ? undefined : parse(text);
    if (noted === undefined || noted === "empty") return noted;
    return (await this.#isThere(noted.descriptor)) ? noted : undefined;
  }

  async put(key: string, layer: BuiltLayer | "empty"): Promise<void> {
    await makeDirectory(this.#folder, { mode: 0o700 });
    await writeFileAtomic(join(this.#folder, key), JSON.stringify(layer), { durable: false });
  }
}

function parse(text: string): BuiltLayer | "empty" | undefined {
  try {
    const value = JSON.parse(text) as BuiltLayer | "empty";
    if (value === "empty") return value;
    return isDigest(value.descriptor.digest) && isDigest(`sha256:${value.id}`) ? value : undefined;
  } catch {
    return undefined;
  }
}
