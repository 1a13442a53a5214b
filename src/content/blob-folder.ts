import { createReadStream } from "node:fs";
import { mkdir, open, rename, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { SealerError } from "#errors";
import { algorithmOf, type Descriptor, type Digest, hexOf } from "#oci";
import { diskError } from "./disk-error.ts";

/** `blobs/<algorithm>/<hex>` of an OCI image layout. */
export class BlobFolder {
  readonly #layout: string;

  constructor(layout: string) {
    this.#layout = layout;
  }

  pathOf(digest: Digest): string {
    return join(this.#layout, "blobs", algorithmOf(digest), hexOf(digest));
  }

  /** Undefined where there is no such blob. */
  async sizeOf(digest: Digest): Promise<number | undefined> {
    try {
      return (await stat(this.pathOf(digest))).size;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }

  async open({ digest }: Descriptor, offset = 0, signal?: AbortSignal): Promise<Readable> {
    const size = await this.sizeOf(digest);
    if (size === undefined) throw blobMissing(digest, this.#layout);
    if (offset >= size) return Readable.from([]);
    return createReadStream(this.pathOf(digest), {
      start: offset,
      highWaterMark: 1 << 18,
      ...(signal ? { signal } : {}),
    });
  }

  /** Makes a whole and checked file, whose bytes are on the disk, a blob: from now on others see it. */
  async commit(file: string, digest: Digest): Promise<void> {
    const target = this.pathOf(digest);
    try {
      await mkdir(dirname(target), { recursive: true });
      await rename(file, target);
      const folder = await open(dirname(target));
      await folder.sync().finally(() => folder.close());
    } catch (error) {
      throw diskError(error, target);
    }
  }
}

export function blobMissing(digest: Digest, where: string): SealerError {
  return new SealerError("IMAGE_NOT_FOUND", `${digest} is missing in ${where}`, {
    where,
    hint: "The image there is not whole: pull, load or build it again.",
  });
}
