import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { type Descriptor, digestOf, mediaTypes } from "#oci";
import type { ProgressEvent } from "#progress";
import { blob, blobType, digestsOf, put, putImage, putIndex } from "../../test/contracts/content-contract.ts";
import { copyImage } from "./copy-image.ts";
import { MemoryContent } from "./memory-content.ts";
import { RegistryError } from "./registry/registry-error.ts";

test("writes blobs before manifests, and manifests before indexes", async () => {
  const source = new MemoryContent();
  const first = await putImage(source, "first");
  const second = await putImage(source, "second");
  const inner = await putIndex(source, "inner", [second.manifest]);
  const root = await putIndex(source, "app", [first.manifest, inner, second.manifest]);
  const target = new RecordingTarget();

  const copied = await copyImage("app", source, target, { concurrency: 1, targetReference: "copy" });

  assert.deepEqual(copied, root);
  assert.deepEqual(await target.resolve("copy"), root);
  const documents = digestsOf([first.manifest, second.manifest, inner, root]);
  assert.deepEqual(target.written.slice(-4), documents);
  assert.deepEqual(
    new Set(target.written.slice(0, -4)),
    new Set(digestsOf([first.config, first.layer, second.config, second.layer])),
  );
});

test("sends nothing that the target has", async () => {
  const source = new MemoryContent();
  const { layer, manifest } = await putImage(source, "app");
  const target = new RecordingTarget();
  await put(target, blobType, "layer of app");
  target.written.length = 0;
  const events: ProgressEvent[] = [];

  await copyImage("app", source, target, { progress: (event) => events.push(event) });
  await copyImage("app", source, target);

  assert.equal(target.written.length, 2);
  assert.equal(target.written.at(-1), manifest.digest);
  const skipped = events.filter((event) => event.type === "task-finished" && event.outcome === "skipped");
  assert.deepEqual(skipped, [
    {
      type: "task-finished",
      id: `copy app as app: ${layer.digest}`,
      outcome: "skipped",
      note: "already there",
    },
  ]);
});

test("an index whose platforms are chosen stays the same document", async () => {
  const source = new MemoryContent();
  const amd64 = {
    ...(await putImage(source, "a")).manifest,
    platform: { os: "linux", architecture: "amd64" },
  };
  const arm64 = {
    ...(await putImage(source, "b")).manifest,
    platform: { os: "linux", architecture: "arm64" },
  };
  const root = await putIndex(source, "app", [amd64, arm64]);
  const target = new MemoryContent();

  await copyImage("app", source, target, {
    platforms: ({ platform }) => platform?.architecture === "arm64",
  });
  assert.deepEqual(await target.resolve("app"), root);
  assert.deepEqual([await target.has(amd64), await target.has(arm64)], [false, true]);

  await copyImage("app", source, target);
  assert.equal(await target.has(amd64), true);
});

test("a mounted blob is not sent", async () => {
  const source = new MemoryContent();
  const { layer } = await putImage(source, "app");
  const target = new RecordingTarget();
  target.mountable = new Set([layer.digest]);
  await copyImage("app", source, target, { mountFrom: ["other"] });
  assert.ok(!target.written.includes(layer.digest));
});

test("repeats what the registry dropped, and not what it refused", async () => {
  const source = new MemoryContent();
  await putImage(source, "app");
  const target = new RecordingTarget();
  target.failures = [new RegistryError("REGISTRY_FAILED", "busy", { where: "x", transient: true })];
  await copyImage("app", source, target, { concurrency: 1 });

  const refusing = new RecordingTarget();
  refusing.failures = [new RegistryError("REGISTRY_REFUSED", "no", { where: "x" })];
  const events: ProgressEvent[] = [];
  const copying = copyImage("app", source, refusing, { progress: (event) => events.push(event) });
  await assert.rejects(copying, { code: "REGISTRY_REFUSED" });
  assert.equal(events.at(-1)?.type, "task-failed");
  await assert.rejects(refusing.resolve("app"), { code: "IMAGE_NOT_FOUND" });
});

test("layers that may not be distributed are left where they are", async () => {
  const source = new MemoryContent();
  const config = await put(source, mediaTypes.ociConfig, "{}");
  const foreign = {
    ...blob("foreign"),
    mediaType: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
  };
  const manifest = await putManifest(source, {
    config,
    layers: [{ ...foreign, urls: ["http://elsewhere/x"] }],
  });
  await source.tag("app", manifest);
  const target = new MemoryContent();
  await copyImage("app", source, target);
  assert.deepEqual([await target.has(manifest), await target.has(foreign)], [true, false]);
});

const digest = digestOf("x");
for (const [what, document, code] of [
  [
    "names content by a path",
    { config: { ...blob("x"), digest: "sha256:../../x" }, layers: [] },
    "DIGEST_INVALID",
  ],
  [
    "has upper-case digests",
    { config: { ...blob("x"), digest: digest.toUpperCase() }, layers: [] },
    "DIGEST_INVALID",
  ],
  ["names content by md5", { config: { ...blob("x"), digest: "md5:00" }, layers: [] }, "DIGEST_INVALID"],
  ["has no config", { layers: [] }, "DIGEST_INVALID"],
  ["has a negative size", { config: { ...blob("x"), size: -1 }, layers: [] }, "IMAGE_INVALID"],
  [
    "calls itself an index",
    { mediaType: mediaTypes.ociIndex, config: blob("x"), layers: [] },
    "IMAGE_INVALID",
  ],
  ["is an index as well", { config: blob("x"), layers: [], manifests: [] }, "IMAGE_INVALID"],
  ["has layers that are no list", { config: blob("x"), layers: { length: 1 } }, "IMAGE_INVALID"],
] as const) {
  test(`refuses a manifest that ${what}`, async () => {
    const source = new MemoryContent();
    await source.tag("app", await putManifest(source, document));
    await assert.rejects(copyImage("app", source, new MemoryContent()), { code, exitCode: 3 });
  });
}

test("refuses indexes without end", async () => {
  const source = new MemoryContent();
  let root = (await putImage(source, "app")).manifest;
  for (let depth = 0; depth < 50; depth++) root = await putIndex(source, "app", [root]);
  await assert.rejects(copyImage("app", source, new MemoryContent()), {
    code: "IMAGE_INVALID",
    message: /nested/,
  });

  const wide = await putIndex(
    source,
    "wide",
    Array.from({ length: 10_001 }, () => root),
  );
  await source.tag("wide", wide);
  await assert.rejects(copyImage("wide", source, new MemoryContent()), { code: "IMAGE_INVALID" });
});

test("refuses a manifest that says it is huge, and what is no image", async () => {
  const source = new MemoryContent();
  await source.tag("huge", { mediaType: mediaTypes.ociManifest, digest, size: 1e12 });
  await assert.rejects(copyImage("huge", source, new MemoryContent()), { code: "IMAGE_INVALID" });
  await source.tag("blob", await put(source, blobType, "x"));
  await assert.rejects(copyImage("blob", source, new MemoryContent()), { code: "IMAGE_INVALID" });
});

test("stops when told to", async () => {
  const source = new MemoryContent();
  await putImage(source, "app");
  const stop = new AbortController();
  stop.abort(new Error("enough"));
  await assert.rejects(copyImage("app", source, new MemoryContent(), { signal: stop.signal }), {
    message: "enough",
  });
});

function putManifest(source: MemoryContent, fields: object): Promise<Descriptor> {
  return put(source, mediaTypes.ociManifest, JSON.stringify({ schemaVersion: 2, ...fields }));
}

class RecordingTarget extends MemoryContent {
  readonly written: string[] = [];
  failures: Error[] = [];
  mountable = new Set<string>();

  override async write(content: Descriptor, bytes: Readable): Promise<void> {
    const failure = this.failures.pop();
    if (failure) throw failure;
    await super.write(content, bytes);
    this.written.push(content.digest);
  }

  async mount(content: Descriptor): Promise<boolean> {
    if (!this.mountable.has(content.digest)) return false;
    await super.write(content, Readable.from([Buffer.from("layer of app")]));
    return true;
  }
}
