import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

/** A new folder for one test, removed after it. */
export async function scratch(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "sealer-files-"));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

export async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(chunks));
}

/** `bytes` as a stream of chunks of `size`: parsers must not care where chunks end. */
export async function* inChunks(bytes: Uint8Array, size = 65536): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** A tar entry as a test wants it, sound or not: every field can be given as it stands in the archive. */
export interface RawEntry {
  readonly name: string | Buffer;
  readonly type?: string;
  readonly body?: string | Buffer;
  readonly linkname?: string | Buffer;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: number;
  /** The field itself, octal or not; the size of the body unless told. */
  readonly sizeField?: string | Buffer;
  readonly uidField?: string | Buffer;
  readonly prefix?: string;
  readonly magic?: string;
  readonly device?: readonly [number, number];
  /** Added to the right checksum. */
  readonly checksumError?: number;
}

export function tarOf(...entries: readonly RawEntry[]): Buffer {
  return Buffer.concat([...entries.map(rawEntry), Buffer.alloc(1024)]);
}

export function rawEntry(entry: RawEntry): Buffer {
  const body = Buffer.from(entry.body ?? "");
  const block = Buffer.alloc(512);
  const put = (at: number, value: string | Buffer) => block.set(Buffer.from(value), at);
  const octal = (value: number, length: number) => `${value.toString(8).padStart(length - 1, "0")}\0`;
  put(0, Buffer.from(entry.name).subarray(0, 100));
  put(100, octal(entry.mode ?? (entry.type === "5" ? 0o755 : 0o644), 8));
  put(108, entry.uidField ?? octal(entry.uid ?? 0, 8));
  put(116, octal(entry.gid ?? 0, 8));
  put(124, entry.sizeField ?? octal(body.length, 12));
  put(136, octal(entry.mtime ?? 0, 12));
  put(148, "        ");
  put(156, entry.type ?? "0");
  put(157, Buffer.from(entry.linkname ?? "").subarray(0, 100));
  put(257, entry.magic ?? "ustar\x0000");
  if (entry.device) put(329, octal(entry.device[0], 8) + octal(entry.device[1], 8));
  put(345, entry.prefix ?? "");
  const sum = block.reduce((total, byte) => total + byte, entry.checksumError ?? 0);
  put(148, `${sum.toString(8).padStart(6, "0")}\0 `);
  return Buffer.concat([block, body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
}

/** A PAX header for the entry that follows. */
export function pax(records: Readonly<Record<string, string | Buffer>>, type = "x"): RawEntry {
  const lines = Object.entries(records).map(([key, value]) => {
    const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from("\n")]);
    let length = rest.length + 1;
    while (length !== rest.length + String(length).length) length = rest.length + String(length).length;
    return Buffer.concat([Buffer.from(String(length)), rest]);
  });
  return { name: "PaxHeaders/x", type, body: Buffer.concat(lines) };
}
