import { promisify } from "node:util";
import { constants, crc32, deflateRaw, zstdCompress } from "node:zlib";
import { rechunk } from "./rechunk.ts";

export type Compression = "gzip" | "zstd" | "none";

/**
 * Compresses on all of libuv's threads. The same bytes and level give the same output, however they are chunked. gzip
 * (RFC 1952, level 6 unless told) is one member; zstd (RFC 8878, level 3 unless told) is one frame for every 4 MB.
 */
export function compress(
  bytes: AsyncIterable<Uint8Array>,
  compression: Compression,
  options: { readonly level?: number } = {},
): AsyncIterable<Uint8Array> {
  switch (compression) {
    case "gzip":
      return gzip(bytes, options.level ?? 6);
    case "zstd":
      return zstd(bytes, options.level ?? 3);
    case "none":
      return bytes;
  }
}

const lanes = 4;
const deflateBlock = promisify<Buffer, object, Buffer>(deflateRaw);
/** One-shot on purpose: the stream encoder's output depends on how writes happened to be queued. */
const zstdFrame = promisify<Buffer, object, Buffer>(zstdCompress);

const gzipBlockSize = 1 << 20;
const gzipWindow = 32 << 10;
/** No name, no time, no operating system. */
const gzipHeader: Buffer = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
/** Each block ends byte-aligned and open (a sync flush), so this empty block is what ends the stream. */
const deflateEnd = Buffer.from([3, 0]);

const nothing = Buffer.alloc(0);

async function* gzip(bytes: AsyncIterable<Uint8Array>, level: number): AsyncGenerator<Uint8Array> {
  let checksum = 0;
  let length = 0;
  let window: Buffer | undefined;
  let head = gzipHeader;
  const blocks = inParallel(rechunk(bytes, gzipBlockSize), (block) => {
    checksum = crc32(block, checksum);
    length = (length + block.length) % 2 ** 32;
    const dictionary = window;
    window = block.subarray(-gzipWindow);
    return deflateBlock(block, {
      level,
      finishFlush: constants.Z_SYNC_FLUSH,
      chunkSize: 256 << 10,
      ...(dictionary && { dictionary }),
    });
  });
  for await (const block of blocks) {
    yield Buffer.concat([head, block]);
    head = nothing;
  }
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(checksum, 0);
  trailer.writeUInt32LE(length, 4);
  yield Buffer.concat([head, deflateEnd, trailer]);
}

async function* zstd(bytes: AsyncIterable<Uint8Array>, level: number): AsyncGenerator<Uint8Array> {
  let frames = 0;
  yield* inParallel(rechunk(bytes, 4 << 20), (block) => {
    frames++;
    return zstdFrame(block, zstdOptions(level, block.length));
  });
  if (frames === 0) yield await zstdFrame(Buffer.alloc(0), zstdOptions(level, 0));
}

function zstdOptions(level: number, pledgedSrcSize: number): object {
  return {
    pledgedSrcSize,
    params: { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 },
  };
}

/** Starts on the next blocks while the first is awaited; results come in the order of the blocks. */
async function* inParallel(
  blocks: AsyncIterable<Buffer>,
  work: (block: Buffer) => Promise<Buffer>,
): AsyncGenerator<Buffer> {
  const running: Promise<Buffer>[] = [];
  try {
    for await (const block of blocks) {
      running.push(work(block));
      if (running.length === lanes) yield await running.shift()!;
    }
    while (running.length > 0) yield await running.shift()!;
  } finally {
    await Promise.allSettled(running);
  }
}
