import { createHash, type Hash } from "node:crypto";

/** Passes bytes on, unchanged, and knows what has passed. */
export class HashingStream implements AsyncIterable<Uint8Array> {
  readonly #bytes: AsyncIterable<Uint8Array>;
  readonly #onChunk: (length: number) => void;
  readonly #hash: Hash = createHash("sha256");
  #size = 0;

  constructor(bytes: AsyncIterable<Uint8Array>, onChunk: (length: number) => void) {
    this.#bytes = bytes;
    this.#onChunk = onChunk;
  }

  /** Bytes so far. */
  get size(): number {
    return this.#size;
  }

  /** `sha256:…` of what has passed so far. */
  get digest(): `sha256:${string}` {
    return `sha256:${this.#hash.copy().digest("hex")}`;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for await (const chunk of this.#bytes) {
      this.#hash.update(chunk);
      this.#size += chunk.length;
      this.#onChunk(chunk.length);
      yield chunk;
    }
  }
}

/** `bytes` once more, with their SHA-256 and size when they have been read; `onChunk` is told the size of each chunk. */
export function hashing(
  bytes: AsyncIterable<Uint8Array>,
  onChunk: (length: number) => void = () => {},
): HashingStream {
  return new HashingStream(bytes, onChunk);
}
