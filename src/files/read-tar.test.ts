import assert from "node:assert/strict";
import { test } from "node:test";
import { readTar } from "./read-tar.ts";
import { bytesOf, inChunks, pax, type RawEntry, rawEntry, tarOf } from "./testing.ts";

const hello: RawEntry = { name: "hello", body: "hello" };

for (const chunk of [1, 511, 512, 65536]) {
  test(`reads entries and bodies whatever the chunks are (${chunk})`, async () => {
    const archive = tarOf(hello, { name: "d/", type: "5" }, { name: "d/l", type: "2", linkname: "../hello" });
    const entries = await listed(archive, chunk);
    assert.deepEqual(entries, [
      { path: "hello", type: "file", body: "hello" },
      { path: "d/", type: "directory", body: "" },
      { path: "d/l", type: "symlink", body: "" },
    ]);
  });
}

test("passes over bodies, or the rest of one, that nobody reads", async () => {
  const archive = tarOf(
    { name: "big", body: Buffer.alloc(10_000, "x") },
    { name: "half", body: "y".repeat(3000) },
    hello,
  );
  const paths: string[] = [];
  for await (const entry of readTar(inChunks(archive, 700))) {
    paths.push(entry.path);
    if (entry.path === "half") for await (const _ of entry.body) break;
  }
  assert.deepEqual(paths, ["big", "half", "hello"]);
});

test("a body read too late gives nothing of the entries after it", async () => {
  const bodies: AsyncIterable<Uint8Array>[] = [];
  for await (const entry of readTar(inChunks(tarOf(hello, { name: "next", body: "other" })))) {
    bodies.push(entry.body);
    if (bodies.length === 2) assert.equal((await bytesOf(bodies[0]!)).length, 0);
  }
});

test("takes names from the ustar prefix, from PAX and from GNU long names", async () => {
  const long = `${"d/".repeat(70)}file`;
  assert.deepEqual(await paths(tarOf({ name: "file", prefix: "some/folder" })), ["some/folder/file"]);
  assert.deepEqual(await paths(tarOf(pax({ path: long }), { name: "short" })), [long]);
  assert.deepEqual(
    await paths(tarOf({ name: "././@LongLink", type: "L", body: `${long}\0` }, { name: "short" })),
    [long],
  );
  assert.deepEqual(await paths(tarOf({ name: "file", prefix: "times of GNU", magic: "ustar  \0" })), [
    "file",
  ]);
});

test("PAX values stand in for the header's, and only for the next entry", async () => {
  const records = {
    size: "5",
    uid: "4000000000",
    gid: "7",
    mtime: "-1.5",
    linkpath: "x",
    "SCHILY.xattr.user.a": "b\nc=d",
  };
  const [first, second] = await Array.fromAsync(
    readTar(inChunks(tarOf(pax(records), { name: "a", sizeField: "0", body: "12345" }, { name: "b" }))),
    async (entry) => ({ ...entry, body: (await bytesOf(entry.body)).toString() }),
  );
  assert.equal(first?.body, "12345");
  assert.deepEqual([first?.uid, first?.gid, first?.mtime], [4000000000, 7, -1.5]);
  assert.equal(first?.xattrs.get("user.a")?.toString(), "b\nc=d");
  assert.deepEqual([second?.uid, second?.xattrs.size], [0, 0]);
});

test("global PAX records hold until taken back, but cannot name files", async () => {
  const archive = tarOf(pax({ uid: "5", comment: "c" }, "g"), { name: "a" }, pax({ uid: "" }), { name: "b" });
  const uids = await Array.fromAsync(readTar(inChunks(archive)), ({ uid }) => uid);
  assert.deepEqual(uids, [5, 0]);
  for (const key of ["path", "linkpath", "size"]) {
    await refuses(tarOf(pax({ [key]: "1" }, "g"), hello), /global PAX header/);
  }
});

test("reads GNU's base-256 numbers", async () => {
  const field = Buffer.from([0x80, 0, 0, 0, 0, 0, 0, 5]);
  const [entry] = await Array.fromAsync(readTar(inChunks(tarOf({ name: "a", uidField: field }))));
  assert.equal(entry?.uid, 5);
});

test("takes a v7 name that ends in a slash for a folder", async () => {
  const [entry] = await Array.fromAsync(readTar(inChunks(tarOf({ name: "d/", type: "\0", magic: "" }))));
  assert.equal(entry?.type, "directory");
  await refuses(tarOf({ name: "d/", body: "x" }), /directory with a body/);
});

test("keeps names as bytes where they are not UTF-8", async () => {
  const name = Buffer.from([0x66, 0xff, 0xfe]);
  const [entry] = await Array.fromAsync(readTar(inChunks(tarOf({ name }))));
  assert.deepEqual(entry?.pathBytes, name);
});

test("row 17: refuses an archive cut off anywhere", async () => {
  const archive = tarOf(pax({ path: "long" }), hello, { name: "b", body: "x".repeat(600) });
  for (let length = 0; length < archive.length; length += 97) {
    await refuses(archive.subarray(0, length), /cut off|describes nothing/);
  }
  await refuses(archive.subarray(0, -512), /cut off: its end mark is missing/);
  await refuses(archive.subarray(0, -1), /cut off/);
});

test("refuses anything but zeros after the end, and an empty block in the middle", async () => {
  assert.deepEqual(await paths(Buffer.concat([tarOf(hello), Buffer.alloc(8192)])), ["hello"]);
  await refuses(Buffer.concat([tarOf(hello), rawEntry(hello)]), /follows the archive's end/);
  await refuses(Buffer.concat([rawEntry(hello), Buffer.alloc(512), tarOf(hello)]), /empty block/);
});

test("row 18: refuses a wrong checksum, and takes the signed one of old tars", async () => {
  await refuses(tarOf({ ...hello, checksumError: 1 }), /checksum/);
  assert.equal((await paths(tarOf({ name: Buffer.from([0xe9]), checksumError: -256 }))).length, 1);
});

test("row 19: refuses sizes that are negative, too large or no numbers, before anything is allocated", async () => {
  const base256 = (first: number, rest: number) => Buffer.from([first, ...Buffer.alloc(11, rest)]);
  await refuses(tarOf({ name: "a", sizeField: base256(0xff, 0xff) }), /size is negative/);
  await refuses(tarOf({ name: "a", sizeField: base256(0x80, 0x7f) }), /size is too large/);
  await refuses(tarOf({ name: "a", sizeField: "-0000000001\0" }), /not an octal number/);
  await refuses(tarOf({ name: "a", sizeField: "00000000009\0" }), /not an octal number/);
  await refuses(tarOf(pax({ size: "-1" }), { name: "a" }), /PAX size/);
  await refuses(tarOf(pax({ size: "9223372036854775808" }), { name: "a" }), /PAX size/);
  await refuses(tarOf({ name: "a", sizeField: "77777777777\0" }), /cut off/);
});

test("row 16: refuses ids that no system has", async () => {
  await refuses(tarOf(pax({ uid: "4294967295" }), hello), /uid 4294967295 is too large/);
  await refuses(tarOf(pax({ gid: "99999999999" }), hello), /gid 99999999999 is too large/);
  await refuses(tarOf(pax({ uid: "-2" }), hello), /PAX uid/);
  await refuses(tarOf({ ...hello, uidField: Buffer.alloc(8, 0xff) }), /uid is negative/);
});

test("row 20: refuses a PAX header or long name of more than 1 MB without reading it", async () => {
  for (const type of ["x", "g", "L", "K"]) {
    let read = 0;
    async function* huge() {
      yield rawEntry({ name: "h", type, sizeField: (64 << 20).toString(8).padStart(11, "0") });
      for (; read < 64; read++) yield Buffer.alloc(1 << 20);
    }
    await assert.rejects(Array.fromAsync(readTar(huge())), {
      code: "TAR_INVALID",
      message: /larger than the 1048576/,
    });
    assert.ok(read < 2);
  }
});

test("refuses headers piled up before an entry, and a last one with no entry", async () => {
  await refuses(tarOf(pax({ path: "a" }), pax({ path: "b" }), hello), /two PAX headers/);
  const name: RawEntry = { name: "l", type: "L", body: "a" };
  await refuses(tarOf(name, name, hello), /two long names/);
  await refuses(tarOf(pax({ path: "a" })), /describes nothing/);
  const globals = Array.from({ length: 40 }, (_, at) => pax({ [`k${at}`]: "v".repeat(30_000) }, "g"));
  await refuses(tarOf(...globals, hello), /global PAX headers are too large/);
});

test("refuses damaged PAX records", async () => {
  for (const body of [
    "x",
    "5 a=b",
    "7 a=bc\n\n",
    "6 abc\n",
    "0 a=b\n",
    "-5 a=b\n",
    "99 a=b\n",
    "6  =\n\n\n",
    "18446744073709551622 a=b\n",
  ]) {
    await refuses(tarOf({ name: "p", type: "x", body }, hello), /PAX header is damaged/);
  }
});

test("row 22: refuses sparse files of all forms", async () => {
  await refuses(tarOf({ name: "s", type: "S" }), /sparse/);
  await refuses(
    tarOf(pax({ "GNU.sparse.realsize": String(2 ** 40), "GNU.sparse.major": "1" }), hello),
    /sparse/,
  );
});

test("row 25: refuses NUL in names from PAX, and empty names", async () => {
  await refuses(tarOf(pax({ path: "a\0b" }), hello), /NUL/);
  await refuses(tarOf(pax({ linkpath: "a\0b" }), { name: "l", type: "2", linkname: "x" }), /NUL/);
  await refuses(tarOf({ name: "" }), /has no name/);
});

test("row 29: stops at the limit of entries, and takes time in proportion to their number", async () => {
  let given = 0;
  async function* endless() {
    const block = rawEntry({ name: "tiny" });
    for (;;) {
      given++;
      yield block;
    }
  }
  const count = Array.fromAsync(readTar(endless(), { entries: 50_000 }));
  await assert.rejects(count, { code: "TAR_INVALID", message: /more than the 50000 entries/ });
  assert.ok(given <= 50_002);
});

test("stops at the limit of bytes before it reads them", async () => {
  await assert.rejects(Array.fromAsync(readTar(inChunks(tarOf(hello)), { bytes: 4, where: "x.tar" })), {
    code: "TAR_INVALID",
    message: /^x\.tar is refused at "hello": it holds more than the 4 bytes/,
  });
});

test("refuses what readers disagree about: bodies where there are none, unknown types", async () => {
  for (const type of ["2", "3", "4", "5", "6"])
    await refuses(tarOf({ name: "a", type, linkname: "b", body: "x" }), /with a body/);
  for (const type of ["V", "M", "D", "Z"]) await refuses(tarOf({ name: "a", type }), /is unknown/);
});

test("reads the stream to its end, so that all of it can be hashed", async () => {
  let ended = false;
  async function* source() {
    yield tarOf(hello);
    yield Buffer.alloc(10_240);
    ended = true;
  }
  await Array.fromAsync(readTar(source()));
  assert.ok(ended);
});

test("never fails in another way, or hangs, on an archive with random damage", async () => {
  const archive = tarOf(
    pax({ path: "p", mtime: "1.5" }),
    hello,
    { name: "d/", type: "5" },
    { name: "l", type: "1", linkname: "p" },
  );
  let state = 42;
  const random = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  for (let round = 0; round < 3000; round++) {
    const damaged = Buffer.from(archive);
    const at = random(damaged.length);
    damaged[at] = random(256);
    if (round % 2 === 0) fixChecksum(damaged, at - (at % 512));
    await listed(damaged, 512).catch((error) => assert.equal(error.code, "TAR_INVALID", error.stack));
  }
});

function fixChecksum(archive: Buffer, at: number): void {
  archive.fill(" ", at + 148, at + 156);
  const sum = archive.subarray(at, at + 512).reduce((total, byte) => total + byte, 0);
  archive.write(`${sum.toString(8).padStart(6, "0")}\0 `, at + 148, "latin1");
}

async function listed(
  archive: Buffer,
  chunk = 65536,
): Promise<{ path: string; type: string; body: string }[]> {
  return Array.fromAsync(readTar(inChunks(archive, chunk)), async ({ path, type, body }) => ({
    path,
    type,
    body: (await bytesOf(body)).toString(),
  }));
}

async function paths(archive: Buffer): Promise<string[]> {
  return (await listed(archive)).map(({ path }) => path);
}

async function refuses(archive: Buffer, message: RegExp): Promise<void> {
  await assert.rejects(listed(archive), { code: "TAR_INVALID", message });
}
