import { constants, createGunzip, createZstdDecompress, type Gunzip, type ZstdDecompress } from "node:zlib";
import { SealerError } from "#errors";

export interface DecompressLimits {
  /** Most bytes that may come out. Default: as many as there are. */
  readonly bytes?: number;
  /** Most bytes out for one byte in, once 64 MB are out. Default 200. */
  readonly ratio?: number;
}

/**
 * Undoes gzip (RFC 1952, any number of members) or zstd (RFC 8878, any number of frames, windows up to 128 MB), known
 * by their first bytes; anything else passes as it is. Only one layer of compression is undone. `where` names the data
 * in messages.
 * @throws FILE_INVALID for what is damaged, cut off, followed by something else, or grows beyond the limits
 */
export async function* decompress(
  bytes: AsyncIterable<Uint8Array>,
  { limits = {}, where }: { readonly limits?: DecompressLimits; readonly where?: string } = {},
): AsyncGenerator<Uint8Array> {
  try {
    const { head, all } = await peek(bytes, 4);
    const compression = compressionOf(head);
    const budget = new Budget(limits);
    const plain = compression === "none" ? budget.countIn(all) : inflate(budget.countIn(all), compression);
    for await (const chunk of plain) {
      budget.spend(chunk.length);
      yield chunk;
    }
  } catch (error) {
    throw error instanceof Damage ? refusal(error, where) : error;
  }
}

/** Why the data itself is refused, as against a source that fails. */
class Damage extends Error {}

const gzipMagic = 0x1f8b;
const zstdMagic = 0xfd2fb528;
const zstdSkippableMagic = 0x184d2a50;

/** What the first four bytes of a stream say about its compression. */
export function compressionOf(head: Uint8Array): "gzip" | "zstd" | "none" {
  const bytes = Buffer.from(head);
  if (bytes.length >= 2 && bytes.readUInt16BE(0) === gzipMagic) return "gzip";
  if (bytes.length < 4) return "none";
  const magic = bytes.readUInt32LE(0);
  return magic === zstdMagic || (magic & 0xfffffff0) >>> 0 === zstdSkippableMagic ? "zstd" : "none";
}

async function peek(
  bytes: AsyncIterable<Uint8Array>,
  length: number,
): Promise<{ head: Uint8Array; all: AsyncIterable<Uint8Array> }> {
  const source = bytes[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  let done = false;
  while (head.length < length && !done) {
    const next = await source.next();
    done = next.done === true;
    if (!next.done) head = Buffer.concat([head, next.value]);
  }
  return { head, all: resume(head, source) };
}

async function* resume(head: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    if (head.length > 0) yield head;
    for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}

/** Stops what a small download would unpack into a full disk. */
class Budget {
  readonly #limits: DecompressLimits;
  #in = 0;
  #out = 0;

  constructor(limits: DecompressLimits) {
    this.#limits = limits;
  }

  async *countIn(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of bytes) {
      this.#in += chunk.length;
      yield chunk;
    }
  }

  spend(length: number): void {
    this.#out += length;
    const { bytes = Number.POSITIVE_INFINITY, ratio = 200 } = this.#limits;
    if (this.#out > bytes) throw new Damage(`it unpacks to more than the ${bytes} bytes allowed`);
    if (this.#out > 64 << 20 && this.#out > this.#in * ratio) {
      throw new Damage(`it unpacks to more than ${ratio} times its size`);
    }
  }
}

async function* inflate(
  compressed: AsyncIterable<Uint8Array>,
  compression: "gzip" | "zstd",
): AsyncGenerator<Uint8Array> {
  const decoder = decoderFor(compression);
  const feeding = new AbortController();
  const fed = feed(decoder, compressed, feeding.signal);
  fed.catch((error) => decoder.destroy(error));
  try {
    for await (const chunk of decoder) yield chunk;
    const given = await fed;
    if (decoder.bytesWritten !== given) throw new Damage(`something else follows the ${compression} data`);
  } catch (error) {
    throw isZlibError(error) ? new Damage(reasonOf(error, compression), { cause: error }) : error;
  } finally {
    feeding.abort();
    decoder.destroy();
    await fed.catch(() => {});
  }
}

function decoderFor(compression: "gzip" | "zstd"): Gunzip | ZstdDecompress {
  const chunkSize = 256 << 10;
  if (compression === "gzip") return createGunzip({ chunkSize });
  return createZstdDecompress({ chunkSize, params: { [constants.ZSTD_d_windowLogMax]: 27 } });
}

/** Writes all of `bytes` with backpressure and says how many there were. */
async function feed(
  decoder: Gunzip | ZstdDecompress,
  bytes: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<number> {
  let given = 0;
  for await (const chunk of bytes) {
    given += chunk.length;
    if (signal.aborted || decoder.destroyed) break;
    if (!decoder.readableEnded && !decoder.write(chunk)) await drained(decoder, signal);
  }
  if (!decoder.destroyed) decoder.end();
  return given;
}

function drained(decoder: Gunzip | ZstdDecompress, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const go = () => {
      for (const event of ["drain", "close", "end"]) decoder.off(event, go);
      signal.removeEventListener("abort", go);
      resolve();
    };
    for (const event of ["drain", "close", "end"]) decoder.on(event, go);
    signal.addEventListener("abort", go);
    if (signal.aborted || decoder.destroyed) go();
  });
}

function isZlibError(error: unknown): error is Error & { code: string } {
  return error instanceof Error && "code" in error && /^(Z_|ZSTD_|ERR_ZLIB)/.test(String(error.code));
}

function reasonOf(error: Error & { code: string }, compression: string): string {
  if (error.code === "ZSTD_error_frameParameter_windowTooLarge")
    return "its zstd window is larger than 128 MB";
  return `its ${compression} data is damaged (${error.message})`;
}

function refusal({ message, cause }: Damage, where: string | undefined): SealerError {
  return new SealerError("FILE_INVALID", `${where ?? "compressed data"} is refused: ${message}`, {
    where,
    cause,
  });
}
