import assert from "node:assert/strict";
import { test } from "node:test";
import { algorithmOf, type Digest, digestOf } from "#oci";
import type { RegistryStorage } from "#registry";

/** What every storage of the registry must do, whatever it keeps its bytes in. */
export function storageContract(name: string, open: () => Promise<RegistryStorage>): void {
  const check = (title: string, run: (storage: RegistryStorage) => Promise<void>) =>
    test(`${name}: ${title}`, async () => run(await open()));

  check("gives back a file as it was written last", async ({ files }) => {
    await files.write("a/b/link", "first");
    await files.write("a/b/link", "second, longer");
    assert.equal((await files.read("a/b/link"))?.toString(), "second, longer");
  });

  check("knows nothing of files that were never written", async ({ files }) => {
    await files.write("a/b/link", "x");
    assert.equal(await files.read("a/c/link"), undefined);
    assert.equal(await files.read("a/b/link/deeper"), undefined);
    assert.deepEqual(await files.list("a/c"), []);
    assert.equal(await files.remove("a/c"), false);
  });

  check("lists what is right below a folder, in the order of bytes", async ({ files }) => {
    for (const path of ["f/b/link", "f/B/link", "f/a-b/link", "f/a/link", "f/a/more/link", "fb/link"]) {
      await files.write(path, "x");
    }
    assert.deepEqual(await files.list("f"), ["B", "a", "a-b", "b"]);
  });

  check("removes a folder with all in it, and nothing beside it", async ({ files }) => {
    for (const path of ["f/a/link", "f/a/deep/er/link", "f/ab/link"]) await files.write(path, "x");
    assert.equal(await files.remove("f/a"), true);
    assert.deepEqual(await files.list("f"), ["ab"]);
  });

  for (const algorithm of ["sha256", "sha512"] as const) {
    check(`turns an upload into a ${algorithm} blob`, async ({ uploads, blobs }) => {
      const upload = await uploads.begin("library/x");
      await upload.append(chunks("hello ", "registry"));
      await upload.append(chunks("!"));
      assert.equal(upload.size, 15);
      const digest = digestOf("hello registry!", algorithm);

      assert.equal(await blobs.size(digest), undefined);
      await upload.commit(digest);

      assert.equal(await blobs.size(digest), 15);
      assert.equal(await contentOf(blobs, digest), "hello registry!");
      assert.equal(await uploads.find("library/x", upload.id), undefined);
    });
  }

  check("keeps nothing of bytes that hash to another digest", async ({ uploads, blobs }) => {
    const upload = await uploads.begin("library/x");
    await upload.append(chunks("changed"));
    await assert.rejects(upload.commit(digestOf("original")), { code: "DIGEST_MISMATCH" });
    assert.equal(await blobs.size(digestOf("original")), undefined);
    assert.equal(await blobs.size(digestOf("changed")), undefined);
    assert.equal(await uploads.find("library/x", upload.id), undefined);
  });

  check("finds an upload by its repository and id only", async ({ uploads }) => {
    const upload = await uploads.begin("library/x");
    await upload.append(chunks("part"));
    assert.equal((await uploads.find("library/x", upload.id))?.size, 4);
    assert.equal(await uploads.find("library/y", upload.id), undefined);
    assert.equal(await uploads.find("library/x", crypto.randomUUID()), undefined);
  });

  check("keeps what arrived before the sender broke off", async ({ uploads, blobs }) => {
    const upload = await uploads.begin("library/x");
    await assert.rejects(upload.append(breakingOff("half ")), { message: "connection lost" });
    const found = (await uploads.find("library/x", upload.id))!;
    assert.equal(found.size, 5);
    await found.append(chunks("and half"));
    await found.commit(digestOf("half and half"));
    assert.equal(await contentOf(blobs, digestOf("half and half")), "half and half");
  });

  check("forgets an upload that is cancelled, or older than asked", async ({ uploads }) => {
    const cancelled = await uploads.begin("library/x");
    await cancelled.cancel();
    assert.equal(await uploads.find("library/x", cancelled.id), undefined);

    const abandoned = await uploads.begin("library/x");
    assert.equal(await uploads.purge("library/x", 0), 0);
    assert.equal(await uploads.purge("library/x", Date.now() + 1000), 1);
    assert.equal(await uploads.find("library/x", abandoned.id), undefined);
  });

  check("takes the same blob twice, and the empty one", async ({ uploads, blobs }) => {
    for (const content of ["twice", "twice", ""]) {
      const upload = await uploads.begin("library/x");
      await upload.append(chunks(content));
      await upload.commit(digestOf(content));
      assert.equal(await contentOf(blobs, digestOf(content)), content);
    }
  });

  check("takes small content at once and reads any part of it", async ({ blobs }) => {
    const digest = digestOf("0123456789");
    await blobs.write(digest, Buffer.from("0123456789"));
    const blob = (await blobs.open(digest))!;
    const into = Buffer.alloc(4);
    assert.equal(await blob.read(into, 8), 2);
    assert.equal(into.toString("utf8", 0, 2), "89");
    assert.equal(await blob.read(into, 10), 0);
    await blob.close();
    assert.equal(await blobs.open(digestOf("nothing")), undefined);
  });

  check("takes an upload of several megabytes in odd chunks", async ({ uploads, blobs }) => {
    const bytes = Buffer.alloc(3_333_333, "sealer");
    const upload = await uploads.begin("library/x");
    await upload.append(pieces(bytes, 77_777));
    await upload.commit(digestOf(bytes));
    const blob = (await blobs.open(digestOf(bytes)))!;
    const read = Buffer.alloc(bytes.length);
    for (let at = 0; at < bytes.length; ) at += await blob.read(read.subarray(at, at + 1_000_000), at);
    await blob.close();
    assert.equal(digestOf(read), digestOf(bytes));
  });
}

async function* chunks(...texts: string[]): AsyncIterable<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

async function* breakingOff(text: string): AsyncIterable<Uint8Array> {
  yield Buffer.from(text);
  throw new Error("connection lost");
}

async function* pieces(bytes: Buffer, size: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function contentOf(blobs: RegistryStorage["blobs"], digest: Digest): Promise<string> {
  const blob = await blobs.open(digest);
  assert.ok(blob, `${algorithmOf(digest)} blob is there`);
  const into = Buffer.alloc(blob.size + 1);
  const length = await blob.read(into, 0);
  await blob.close();
  return into.toString("utf8", 0, length);
}
