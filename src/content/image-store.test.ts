import assert from "node:assert/strict";
import { readdir, readFile, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { type Descriptor, digestOf } from "#oci";
import {
  blob,
  blobType,
  breaking,
  bytesOf,
  contentContract,
  inPieces,
  manyBytes,
  put,
  putImage,
  putIndex,
} from "../../test/contracts/content-contract.ts";
import { killStoreWriter } from "../../test/kills/kill-store-writer.ts";
import { copyImage } from "./copy-image.ts";
import { ImageStore } from "./image-store.ts";
import { MemoryContent } from "./memory-content.ts";
import { scratch } from "./testing.ts";

contentContract("the store", async (t) => openStore(t));

test("names are as typed, with latest where there is no tag", async (t) => {
  const { store } = await storeAt(t);
  const { manifest } = await putImage(store, "kubernetes");
  await store.tag("reg.test:5000/app", manifest);
  await store.tag("app:v1", manifest);

  const names = (await store.names()).map(({ name }) => name);
  assert.deepEqual(names, ["kubernetes:latest", "reg.test:5000/app:latest", "app:v1"]);
  for (const name of ["kubernetes", "kubernetes:latest", "reg.test:5000/app", `x@${manifest.digest}`]) {
    assert.deepEqual(await store.resolve(name), manifest, name);
  }
  await assert.rejects(store.resolve("kubernets"), { hint: "Did you mean kubernetes:latest?" });
});

test("what another tool has put into index.json is kept", async (t) => {
  const { store, folder } = await storeAt(t);
  const { manifest } = await putImage(store, "ours");
  const foreign = {
    ...manifest,
    platform: { os: "linux", architecture: "arm64" },
    annotations: { own: "yes" },
  };
  const index = { schemaVersion: 2, annotations: { of: "theirs" }, manifests: [foreign] };
  await writeFile(join(folder, "index.json"), JSON.stringify(index));

  await store.tag("ours", manifest);

  const after = JSON.parse(await readFile(join(folder, "index.json"), "utf8"));
  assert.deepEqual(after.annotations, index.annotations);
  assert.deepEqual(after.manifests[0], foreign);
});

test("an interrupted pull goes on where it stopped, in another process too", async (t) => {
  const { root, store } = await storeAt(t);
  const bytes = manyBytes(5_000_001);
  const layer = { mediaType: blobType, digest: digestOf(bytes), size: bytes.length };
  await assert.rejects(store.write(layer, breaking(bytes)));
  await store.close();
  const source = new MemoryContent();
  await putImage(source, "v1", bytes);
  const offsets: (number | undefined)[] = [];
  const watched = watchedSource(source, (content, offset) => {
    if (content.digest === layer.digest) offsets.push(offset);
  });

  const next = await ImageStore.open(root);
  await copyImage("v1", watched, next);

  assert.deepEqual(offsets, [2_500_000]);
  assert.ok((await bytesOf(next, layer)).equals(bytes));
});

test("a damaged start is noticed and the blob is fetched anew", async (t) => {
  const { folder, store } = await storeAt(t);
  const bytes = manyBytes(3_000_001);
  const source = new MemoryContent();
  const { layer } = await putImage(source, "v1", bytes);
  await writeFile(join(folder, "ingest", layer.digest.replace(":", "-")), Buffer.alloc(1_000_000));

  await copyImage("v1", source, store);

  assert.ok((await bytesOf(store, layer)).equals(bytes));
});

test("a blob that went bad is mended by writing it again", async (t) => {
  const { store } = await storeAt(t);
  for (const bytes of [Buffer.from("small"), manyBytes(3_000_001)]) {
    const content = { mediaType: blobType, digest: digestOf(bytes), size: bytes.length };
    await store.write(content, inPieces(bytes));
    await writeFile(store.blobPath(content.digest), "bad");
    assert.equal(await store.has(content), false);
    await store.write(content, inPieces(bytes));
    assert.ok((await bytesOf(store, content)).equals(bytes));
  }
});

test("the next start drops what a crash has left, but not what a living process writes", async (t) => {
  const { root, folder, store } = await storeAt(t);
  await put(store, blobType, "the store is being written to");
  const leftover = join(folder, "ingest", "0123456789abcdef.tmp");
  await writeFile(leftover, "half");

  await ImageStore.open(root);
  assert.ok((await readdir(join(folder, "ingest"))).includes("0123456789abcdef.tmp"));

  await store.close();
  await ImageStore.open(root);
  assert.ok(!(await readdir(join(folder, "ingest"))).includes("0123456789abcdef.tmp"));
});

test("a process that is killed while writing leaves a store that works", () => killStoreWriter(5));

test("many tags at once all stay", async (t) => {
  const { root, store } = await storeAt(t);
  const { manifest } = await putImage(store, "v0");
  const other = await ImageStore.open(root);
  await Promise.all(Array.from({ length: 12 }, (_, n) => (n % 2 ? store : other).tag(`tag:${n}`, manifest)));
  assert.equal((await store.names()).length, 13);
});

test("prune keeps what names and callers need, and drops the rest", async (t) => {
  const { root, store } = await storeAt(t);
  const kept = await putImage(store, "kept");
  const index = await putIndex(store, "index", [(await putImage(store, "inner")).manifest]);
  await store.untag("inner");
  const gone = await putImage(store, "gone", manyBytes(2_000_000));
  const wanted = await putImage(store, "wanted");
  await store.untag("gone");
  await store.untag("wanted:latest");
  await store.close();

  const next = await ImageStore.open(root);
  const foreseen = await next.prune({ keep: [wanted.manifest.digest], dryRun: true });
  const pruned = await next.prune({ keep: [wanted.manifest.digest] });

  assert.deepEqual(pruned, foreseen);
  assert.equal(pruned.blobs, 3);
  assert.equal(pruned.bytes, gone.manifest.size + gone.config.size + gone.layer.size);
  assert.equal(await next.has(gone.manifest), false);
  for (const content of [kept.manifest, wanted.manifest, index]) assert.ok(await next.has(content));
  await copyImage("index", next, new MemoryContent());
  await assert.rejects(next.untag("gone"), { code: "IMAGE_NOT_FOUND" });
});

test("prune leaves alone what this process has brought, and waits for others", async (t) => {
  const { root, store } = await storeAt(t);
  const content = await put(store, blobType, "not named yet");
  assert.deepEqual(await store.prune({ keep: [] }), { blobs: 0, bytes: 0 });

  const other = await ImageStore.open(root);
  await using lease = await other.lease();
  const pruning = store.prune({ keep: [], wait: 100 });
  await assert.rejects(pruning, { code: "STORE_LOCKED", message: /process \d+ on/ });
  await lease.release();
  assert.equal((await other.prune({ keep: [] })).blobs, 1);
  assert.equal(await other.has(content), false);
});

test("prune drops old halves of blobs and keeps those of today", async (t) => {
  const { folder, store } = await storeAt(t);
  for (const name of ["old", "young"]) {
    await writeFile(join(folder, "ingest", digestOf(name).replace(":", "-")), "half");
  }
  const old = join(folder, "ingest", digestOf("old").replace(":", "-"));
  await utimes(old, 0, 0);
  assert.deepEqual(await store.prune({ keep: [] }), { blobs: 1, bytes: 4 });
  await assert.rejects(stat(old), { code: "ENOENT" });
});

test("prune drops nothing when a document it depends on is damaged", async (t) => {
  const { root, store } = await storeAt(t);
  const { manifest } = await putImage(store, "v1");
  await put(store, blobType, "unneeded");
  await store.close();
  await writeFile(store.blobPath(manifest.digest), "x".repeat(manifest.size));
  const next = await ImageStore.open(root);
  await assert.rejects(next.prune({ keep: [] }), { code: "STORE_CORRUPT" });
  assert.ok(await next.has(blob("unneeded")));
});

async function storeAt(t: import("node:test").TestContext) {
  const root = await scratch(t);
  const store = await ImageStore.open(root);
  return { root, store, folder: join(root, "store") };
}

async function openStore(t: import("node:test").TestContext) {
  return (await storeAt(t)).store;
}

function watchedSource(
  source: MemoryContent,
  onOpen: (content: Descriptor, offset: number | undefined) => void,
) {
  return {
    resolve: (reference: string) => source.resolve(reference),
    open: (content: Descriptor, options: { readonly offset?: number | undefined } = {}) => {
      onOpen(content, options.offset);
      return source.open(content, options);
    },
  };
}
