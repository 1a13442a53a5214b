/** Collects bytes into chunks of 1 MB: few large writes cost less than many small ones. */
export class TarBuffer {
  #full: Buffer[] = [];
  #buffer = Buffer.allocUnsafeSlow(chunkSize);
  #filled = 0;

  put(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + chunkSize - this.#filled);
      this.#buffer.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === chunkSize) {
        this.#full.push(this.#buffer);
        this.#buffer = Buffer.allocUnsafeSlow(chunkSize);
        this.#filled = 0;
      }
    }
  }

  /** The chunks that are full, once. */
  take(): readonly Buffer[] {
    if (this.#full.length === 0) return none;
    const full = this.#full;
    this.#full = [];
    return full;
  }

  /** All that is left, once. */
  takeRest(): readonly Buffer[] {
    const rest = [...this.take(), this.#buffer.subarray(0, this.#filled)];
    this.#filled = 0;
    this.#buffer = Buffer.allocUnsafeSlow(chunkSize);
    return rest.filter(({ length }) => length > 0);
  }
}

const chunkSize = 1 << 20;
const none: readonly Buffer[] = [];
