import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { SealerError } from "#errors";
import { indexTar, type TarPart } from "./tar-index.ts";

const longestDocument = 8 << 20;

/** A tar archive whose files can be read in any order. */
export class TarFile {
  readonly path: string;
  readonly #parts: ReadonlyMap<string, TarPart>;

  private constructor(path: string, parts: ReadonlyMap<string, TarPart>) {
    this.path = path;
    this.#parts = parts;
  }

  static async open(path: string): Promise<TarFile> {
    return new TarFile(path, await indexTar(path));
  }

  sizeOf(name: string): number | undefined {
    return this.#parts.get(name)?.size;
  }

  /** @throws IMAGE_INVALID when there is no such file */
  read(name: string, offset = 0, length = Number.POSITIVE_INFINITY): Readable {
    const part = this.#parts.get(name);
    if (!part) throw this.#missing(name);
    const size = Math.min(part.size, offset + length);
    if (offset >= size) return Readable.from([]);
    const [start, end] = [part.offset + offset, part.offset + size - 1];
    return createReadStream(this.path, { start, end, highWaterMark: 1 << 20 });
  }

  async readDocument(name: string): Promise<Buffer> {
    if ((this.sizeOf(name) ?? 0) <= longestDocument) return buffer(this.read(name));
    throw new SealerError("IMAGE_INVALID", `${name} in ${this.path} is too long`, { where: this.path });
  }

  #missing(name: string): SealerError {
    return new SealerError("IMAGE_INVALID", `${name.slice(0, 200)} is missing in ${this.path}`, {
      where: this.path,
      hint: "Save the image again.",
    });
  }
}
