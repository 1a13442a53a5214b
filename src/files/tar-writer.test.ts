import assert from "node:assert/strict";
import { test } from "node:test";
import { readTar } from "./read-tar.ts";
import type { TarHeader } from "./tar-header.ts";
import { TarWriter } from "./tar-writer.ts";
import { bytesOf, inChunks } from "./testing.ts";

const headers: readonly TarHeader[] = [
  { path: "plain", type: "file", mode: 0o644, size: 3 },
  { path: "folder/", type: "directory", mode: 0o755, mtime: 8 ** 11 - 1, uid: 8 ** 7 - 1, gid: 8 ** 7 - 1 },
  { path: "link", type: "symlink", mode: 0o777, linkname: "target" },
  { path: "hard", type: "hardlink", mode: 0o644, linkname: "plain" },
  { path: "null", type: "character", mode: 0o666, device: { major: 1, minor: 3 } },
  { path: "disk", type: "block", mode: 0o660, device: { major: 8, minor: 1 } },
  { path: "pipe", type: "fifo", mode: 0o600 },
  { path: "n".repeat(101), type: "file", mode: 0o4755, size: 3 },
  { path: `${"p".repeat(155)}/${"n".repeat(100)}`, type: "file", mode: 0o644, size: 3 },
  { path: `${"p".repeat(156)}/${"n".repeat(100)}`, type: "file", mode: 0o644, size: 3 },
  { path: `${"d".repeat(120)}/`, type: "directory", mode: 0o755 },
  { path: "long", type: "symlink", mode: 0o777, linkname: "l".repeat(101) },
  { path: "ids", type: "file", mode: 0o644, uid: 8 ** 7, gid: 2 ** 32 - 2, size: 3 },
  { path: "before 1970", type: "file", mode: 0o644, mtime: -5, size: 3 },
  { path: "fraction", type: "file", mode: 0o644, mtime: 1.25, size: 3 },
  { path: "later", type: "file", mode: 0o644, mtime: 8 ** 11, size: 3 },
  {
    path: "xattrs",
    type: "file",
    mode: 0o644,
    size: 3,
    xattrs: new Map([
      ["user.b", Buffer.from([0, 10])],
      ["user.a", Buffer.from("1")],
    ]),
  },
  { path: Buffer.from([0xff, 0x2f, 0xfe]), type: "file", mode: 0o644, size: 3 },
];

test("what is written is what is read", async () => {
  const written = await pack(async (tar) => {
    for (const header of headers) await tar.add(header, header.size ? Buffer.from("abc") : undefined);
  });
  const read = await Array.fromAsync(
    readTar(inChunks(written)),
    async ({ body, pathBytes, linkname, ...entry }) => ({
      ...entry,
      path: pathBytes.toString("latin1"),
      linkname: linkname?.toString(),
      body: (await bytesOf(body)).toString(),
    }),
  );
  const defaults = { uid: 0, gid: 0, mtime: 0, size: 0, linkname: undefined, xattrs: new Map() };
  assert.deepEqual(
    read,
    headers.map((header) => ({
      ...defaults,
      ...header,
      path: Buffer.from(header.path as string).toString("latin1"),
      body: header.size ? "abc" : "",
    })),
  );
});

test("uses PAX only for what ustar cannot hold", async () => {
  const plain = await Promise.all(headers.map((header) => isPlain(header)));
  const paxed = headers.filter((_, at) => !plain[at]).map(({ path }) => String(path).slice(0, 20));
  assert.deepEqual(paxed, [
    "n".repeat(20),
    "p".repeat(20),
    "d".repeat(20),
    "long",
    "ids",
    "before 1970",
    "fraction",
    "later",
    "xattrs",
  ]);
});

test("a size of more than 8 GB goes to PAX", async () => {
  const chunks: Uint8Array[] = [];
  const tar = new TarWriter((chunk) => void chunks.push(chunk));
  const stop = new Error("stop");
  async function* body() {
    yield Buffer.alloc(2 << 20);
    throw stop;
  }
  await assert.rejects(tar.add({ path: "huge", type: "file", mode: 0o644, size: 8 ** 11 }, body()), stop);
  const [entry] = await firstOf(readTar(inChunks(Buffer.concat(chunks))));
  assert.equal(entry?.size, 8 ** 11);
});

test("refuses a body of another size than its header", async () => {
  const tar = new TarWriter(() => {});
  const header: TarHeader = { path: "f", type: "file", mode: 0o644, size: 3 };
  await assert.rejects(tar.add(header, Buffer.from("ab")), /has 2 bytes instead of 3/);
  await assert.rejects(tar.add(header, inChunks(Buffer.from("abcd"), 1)), /has 4 bytes instead of 3/);
});

test("waits for the writer before it takes more of a body", async () => {
  let waiting = 0;
  let most = 0;
  const tar = new TarWriter(async () => {
    most = Math.max(most, ++waiting);
    await new Promise((resolve) => setImmediate(resolve));
    waiting--;
  });
  await tar.add(
    { path: "f", type: "file", mode: 0o644, size: 8 << 20 },
    inChunks(Buffer.alloc(8 << 20), 100_000),
  );
  await tar.finish();
  assert.equal(most, 1);
});

async function pack(fill: (tar: TarWriter) => Promise<void>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  const tar = new TarWriter((chunk) => void chunks.push(chunk));
  await fill(tar);
  await tar.finish();
  return Buffer.concat(chunks);
}

async function isPlain(header: TarHeader): Promise<boolean> {
  const bytes = await pack((tar) => tar.add(header, header.size ? Buffer.from("abc") : undefined));
  return !bytes.includes("PaxHeaders");
}

async function firstOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  for await (const item of items) return [item];
  return [];
}
