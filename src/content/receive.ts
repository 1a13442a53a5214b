import { createHash, type Hash } from "node:crypto";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { algorithmOf, type Descriptor, type Digest, type DigestAlgorithm, digestFromHash } from "#oci";
import { diskError } from "./disk-error.ts";
import { digestMismatch, sizeMismatch } from "./verified.ts";

const batchSize = 1 << 20;

/** Writes bytes of unknown digest to a new file and to the disk. On failure nothing is left. */
export async function receiveNew(
  path: string,
  bytes: AsyncIterable<Uint8Array>,
  algorithm: DigestAlgorithm = "sha256",
): Promise<{ readonly digest: Digest; readonly size: number }> {
  const file = await open(path, "wx", 0o644).catch((error) => {
    throw diskError(error, path);
  });
  try {
    const hash = createHash(algorithm);
    const size = await append(file, bytes, hash, { from: 0, most: Number.POSITIVE_INFINITY });
    await file.sync();
    await file.close();
    return { digest: digestFromHash(hash, algorithm), size };
  } catch (error) {
    await file.close().catch(() => {});
    await unlink(path).catch(() => {});
    throw diskError(error, path);
  }
}

/**
 * Writes the rest of a blob to a file that has its first `offset` bytes, and all of it to the disk. When the bytes stop
 * coming, what is there stays for the next attempt; when they are wrong, the file is dropped.
 * @throws DIGEST_MISMATCH
 */
export async function receiveRest(
  path: string,
  bytes: AsyncIterable<Uint8Array>,
  content: Pick<Descriptor, "digest" | "size">,
  offset: number,
): Promise<void> {
  const algorithm = algorithmOf(content.digest);
  const file = await open(path, offset > 0 ? "r+" : "w+", 0o644).catch((error) => {
    throw diskError(error, path);
  });
  try {
    const hash = createHash(algorithm);
    const there = await hashStart(file, hash, offset);
    const fits = there === offset && offset <= content.size;
    if (fits) await file.truncate(offset);
    const size = fits ? await append(file, bytes, hash, { from: offset, most: content.size }) : there;
    const digest = digestFromHash(hash, algorithm);
    if (size !== content.size || digest !== content.digest) {
      await unlink(path);
      throw size === content.size ? digestMismatch(content.digest, digest) : sizeMismatch(content, size);
    }
    await file.sync();
  } catch (error) {
    throw diskError(error, path);
  } finally {
    await file.close().catch(() => {});
  }
}

/** Appends in large pieces, hashing one while the one before is on its way. Stops as soon as there are too many. */
async function append(
  file: FileHandle,
  bytes: AsyncIterable<Uint8Array>,
  hash: Hash,
  { from, most }: { readonly from: number; readonly most: number },
): Promise<number> {
  let size = from;
  let position = from;
  let batch: Uint8Array[] = [];
  let batched = 0;
  let writing = Promise.resolve();
  const flush = async () => {
    await writing;
    const pieces = batch;
    writing = writeAll(file, pieces, position);
    position += batched;
    writing.catch(() => {});
    for (const piece of pieces) hash.update(piece);
    batch = [];
    batched = 0;
  };
  try {
    for await (const chunk of bytes) {
      size += chunk.length;
      if (size > most) return size;
      batch.push(chunk);
      batched += chunk.length;
      if (batched >= batchSize) await flush();
    }
  } finally {
    await flush();
    await writing;
  }
  return size;
}

async function writeAll(file: FileHandle, pieces: readonly Uint8Array[], position: number): Promise<void> {
  if (pieces.length === 0) return;
  const { bytesWritten } = await file.writev(pieces, position);
  const whole = pieces.reduce((sum, piece) => sum + piece.length, 0);
  if (bytesWritten === whole) return;
  const rest = Buffer.concat(pieces).subarray(bytesWritten);
  for (let done = 0; done < rest.length; ) {
    done += (await file.write(rest, done, rest.length - done, position + bytesWritten + done)).bytesWritten;
  }
}

async function hashStart(file: FileHandle, hash: Hash, length: number): Promise<number> {
  const block = Buffer.allocUnsafe(batchSize);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(block, 0, Math.min(block.length, length - done), done);
    if (bytesRead === 0) break;
    hash.update(block.subarray(0, bytesRead));
    done += bytesRead;
  }
  return done;
}
