/** Keeps the last bytes of a stream, whatever its length. */
export class OutputTail {
  readonly #limit: number;
  #chunks: Uint8Array[] = [];
  #kept = 0;
  /** Bytes seen in all. */
  total = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(chunk: Uint8Array): void {
    this.total += chunk.length;
    this.#kept += chunk.length;
    this.#chunks.push(chunk);
    if (this.#kept > 2 * this.#limit || this.#chunks.length > 4096) this.#cut();
  }

  bytes(): Buffer {
    this.#cut();
    return Buffer.from(this.#chunks[0] ?? []);
  }

  /** The bytes as text, beginning with a whole character. */
  text(): string {
    const bytes = this.bytes();
    let start = 0;
    if (this.total > bytes.length) while (start < 4 && (bytes[start]! & 0xc0) === 0x80) start++;
    return bytes.toString("utf8", start);
  }

  #cut(): void {
    const bytes = Buffer.concat(this.#chunks);
    const kept = bytes.length > this.#limit ? Buffer.from(bytes.subarray(-this.#limit)) : bytes;
    this.#chunks = [kept];
    this.#kept = kept.length;
  }
}
