import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { pipeline } from "node:stream/promises";
import { retry } from "#concurrency";
import { SealerError } from "#errors";
import { fetchFollowing, isTemporary } from "./fetch-following.ts";

export interface DownloadOptions {
  /** 64 hexadecimal digits; without it, whatever comes is taken, and its digest returned. */
  readonly sha256?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly attempts?: number;
  /** Milliseconds before the second attempt. */
  readonly delay?: number;
}

/**
 * Downloads a file and returns its SHA-256. What came before a connection broke is kept in `<target>.part` and continued,
 * also by a later run; the target itself is there whole and right, or not at all.
 *
 * @throws DOWNLOAD_FAILED where the server has no such file or cannot be reached
 * @throws DIGEST_MISMATCH when the file is another one than expected; nothing is kept then
 */
export async function download(url: string, target: string, options: DownloadOptions = {}): Promise<string> {
  const { sha256, signal, attempts = 5, delay = 1000 } = options;
  await mkdir(dirname(target), { recursive: true });
  const part = `${target}.part`;
  await retry(() => continueDownload(url, part, signal), {
    attempts,
    delay,
    signal,
    worthRetrying: isTemporary,
  });
  const found = await sha256Of(part);
  if (sha256 !== undefined && found !== sha256) {
    await rm(part);
    throw new SealerError("DIGEST_MISMATCH", `the file has the digest ${found}, but ${sha256} is expected`, {
      where: url,
      hint: "Either the download was tampered with, or the expected digest is that of another version.",
    });
  }
  await rename(part, target);
  return found;
}

async function continueDownload(url: string, part: string, signal: AbortSignal | undefined): Promise<void> {
  const had = await stat(part).then(
    ({ size }) => size,
    () => 0,
  );
  const response = await fetchFollowing(url, had > 0 ? { range: `bytes=${had}-` } : {}, signal);
  // The whole file has come already.
  if (response.status === 416 && response.headers.get("content-range") === `bytes */${had}`) return;
  const starts = /^bytes (\d+)-\d+\//.exec(response.headers.get("content-range") ?? "")?.[1];
  const goesOn = response.status === 206 && Number(starts) === had;
  if (response.status !== 200 && !goesOn) {
    await rm(part, { force: true });
    throw new Error(`the server answered ${response.status} to a request for the rest of ${url}`);
  }
  const file = await open(part, goesOn ? "a" : "w");
  try {
    let written = 0;
    for await (const chunk of response.body ?? []) {
      await file.write(chunk);
      written += chunk.length;
    }
    const length = response.headers.get("content-length");
    if (length !== null && written < Number(length))
      throw new TypeError(`${url} ended after ${written} bytes`);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest("hex");
}
