import { createHash } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { algorithmOf, digestFromHash, isDigest } from "#oci";
import type { BlobPart, Reply } from "./call.ts";

/**
 * Sends a reply; for HEAD without its body. A whole blob is hashed on its way the first time that it is sent: if its
 * bytes have rotted, the connection is cut before the last of them, so that nobody takes them for the blob.
 * @returns bytes of the body
 */
export async function sendReply(
  request: IncomingMessage,
  response: ServerResponse,
  { status, headers = {}, body }: Reply,
  verified: Set<string>,
): Promise<number> {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value as string | number);
  if (body instanceof Uint8Array) response.setHeader("Content-Length", body.length);
  response.writeHead(status);
  const blob = body && "blob" in body ? body : undefined;
  try {
    if (request.method === "HEAD" || body === undefined) {
      response.end();
      return 0;
    }
    if (blob) return await sendBlob(response, blob, verified);
    response.end(body);
    return (body as Uint8Array).length;
  } finally {
    await blob?.blob.close();
  }
}

/** Two buffers take turns: one is filled from the disk while the other is on its way to the client. */
async function sendBlob(response: ServerResponse, part: BlobPart, verified: Set<string>): Promise<number> {
  const { blob, digest, start, end } = part;
  const length = end - start + 1;
  const key = `${digest} ${blob.version}`;
  const whole = length === blob.size && isDigest(digest);
  const hash = whole && !verified.has(key) ? createHash(algorithmOf(digest)) : undefined;
  const size = Math.max(1, Math.min(chunkBytes, length));
  const buffers = [Buffer.allocUnsafe(size), length > size ? Buffer.allocUnsafe(size) : undefined] as const;
  let sent: Promise<void> = Promise.resolve();
  for (let at = 0, turn = 0; at < length; turn++) {
    const buffer = (buffers[turn % 2] ?? buffers[0]).subarray(0, length - at);
    const read = await blob.read(buffer, start + at);
    if (read === 0) return cut(response, `${digest} is shorter than it was`);
    const chunk = buffer.subarray(0, read);
    hash?.update(chunk);
    at += read;
    if (at === length && hash && isDigest(digest)) {
      if (digestFromHash(hash, algorithmOf(digest)) !== digest) return cut(response, `${digest} has rotted`);
      verified.add(key);
    }
    await sent;
    if (response.destroyed) return at - read;
    sent = written(response, chunk);
  }
  await sent;
  response.end();
  return length;
}

function cut(response: ServerResponse, why: string): never {
  response.destroy();
  throw new Error(`the stored blob ${why}; pushing it again repairs it`);
}

/** Settles when the bytes have left, or can no longer leave, so that their buffer is free. */
async function written(response: ServerResponse, chunk: Buffer): Promise<void> {
  const done = new Promise<void>((resolve) => {
    response.write(chunk, () => resolve());
  });
  const stop = new AbortController();
  await Promise.race([done, once(response, "close", { signal: stop.signal }).catch(() => undefined)]);
  stop.abort();
}

const chunkBytes = 1 << 20;
