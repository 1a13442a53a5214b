/** Reads a stream of chunks in pieces of any size, copying only what spans chunks. */
export class ByteReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #chunk: Buffer = Buffer.alloc(0);
  #at = 0;

  constructor(bytes: AsyncIterable<Uint8Array>) {
    this.#source = bytes[Symbol.asyncIterator]();
  }

  /** What is at hand, at most `most` bytes, without waiting: nothing where a new chunk is needed. */
  take(most: number): Buffer {
    const part = this.#chunk.subarray(this.#at, this.#at + most);
    this.#at += part.length;
    return part;
  }

  /** At least one byte and at most `most`; nothing at the end of the stream. */
  async some(most: number): Promise<Buffer> {
    while (this.#at === this.#chunk.length) {
      const next = await this.#source.next();
      if (next.done) return Buffer.alloc(0);
      this.#chunk = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
      this.#at = 0;
    }
    return this.take(most);
  }

  /** Exactly `length` bytes, or fewer where the stream ends. */
  async exactly(length: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (let left = length; left > 0; ) {
      const part = await this.some(left);
      if (part.length === 0) break;
      if (part.length === length) return part;
      parts.push(part);
      left -= part.length;
    }
    return Buffer.concat(parts);
  }

  async close(): Promise<void> {
    await this.#source.return?.();
  }
}
