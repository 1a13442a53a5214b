import { TarBuffer } from "./tar-buffer.ts";
import { bytesOf, encodeTarHeader } from "./tar-encoder.ts";
import { type TarHeader, tarEnd, tarPaddingOf } from "./tar-header.ts";

/** Writes a tar archive in chunks of 1 MB. The same entries give the same bytes: nothing is added to what it is told. */
export class TarWriter {
  readonly #write: (chunk: Uint8Array) => Promise<void> | void;
  readonly #buffer = new TarBuffer();

  constructor(write: (chunk: Uint8Array) => Promise<void> | void) {
    this.#write = write;
  }

  /**
   * `header.size` may be left out where the body is a Uint8Array.
   * @throws Error where the body has not exactly the size in the header
   */
  async add(header: TarHeader, body: AsyncIterable<Uint8Array> | Uint8Array = empty): Promise<void> {
    const size = header.size ?? (body instanceof Uint8Array ? body.length : 0);
    await this.#put(encodeTarHeader({ ...header, size }));
    let written = 0;
    for await (const chunk of body instanceof Uint8Array ? [body] : body) {
      written += chunk.length;
      if (written <= size) await this.#put(chunk);
    }
    if (written !== size) {
      throw new Error(`the body of ${bytesOf(header.path)} has ${written} bytes instead of ${size}`);
    }
    await this.#put(tarPaddingOf(size));
  }

  /** Ends the archive. */
  async finish(): Promise<void> {
    await this.#put(tarEnd);
    for (const chunk of this.#buffer.takeRest()) await this.#write(chunk);
  }

  async #put(bytes: Uint8Array): Promise<void> {
    this.#buffer.put(bytes);
    for (const chunk of this.#buffer.take()) await this.#write(chunk);
  }
}

const empty = new Uint8Array();
