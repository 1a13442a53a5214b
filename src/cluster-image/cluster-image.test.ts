import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { type TestContext, test } from "node:test";
import { MemoryContent } from "#content";
import { compress, packTree } from "#files";
import {
  type Descriptor,
  digestOf,
  encode,
  encodeImageConfig,
  encodeIndex,
  encodeManifest,
  mediaTypes,
} from "#oci";
import {
  annotations,
  type ClusterImageParts,
  composeClusterImage,
  inspectView,
  launchCommand,
  RootfsView,
  readClusterImage,
  rootfsFor,
  unpackRootfs,
} from "./index.ts";

const amd64 = { architecture: "amd64", os: "linux" };
const extension = {
  buildClient: { sealerVersion: "1", buildahVersion: "" },
  schemaVersion: "v1alpha1" as const,
  type: "kube-installer" as const,
  env: { A: "1" },
  launch: { cmds: ["go"] },
};

test("what is composed can be read again", async () => {
  const content = new MemoryContent();
  const parts = await partsIn(content);
  const root = await composeClusterImage(parts, content);
  await content.tag("k:1", root);
  const image = await readClusterImage(content, "k:1");
  assert.equal(image.kind, "kubernetes");
  assert.deepEqual([image.cmd, image.env, image.labels], [["go"], { A: "1" }, { l: "1" }]);
  assert.deepEqual(
    image.platforms.map(({ platform }) => platform),
    [amd64],
  );
  assert.deepEqual(
    image.platforms[0]?.layers.map(({ createdBy }) => createdBy),
    ["COPY . ."],
  );
  assert.deepEqual(
    image.embedded.map(({ reference, wantedBy }) => [reference, wantedBy]),
    [
      ["docker.io/library/a:1", [{ file: "manifests/imageList", line: 1 }]],
      ["docker.io/library/b:1", [{ file: "manifests/imageList", line: 1 }]],
    ],
  );
  assert.deepEqual(
    image.indexes.map(({ mediaType }) => mediaType),
    [mediaTypes.ociIndex],
  );
  assert.deepEqual(image.unresolved, [{ file: "x", line: 1, text: "y", why: "z" }]);
  const view = inspectView(image, "/overlay");
  assert.equal(view.platforms[0]?.layers[0]?.path, `/overlay/${view.platforms[0]?.layers[0]?.id}`);
});

test("the index is the same in whatever order embedded images come, and is as Go writes it", async () => {
  const content = new MemoryContent();
  const parts = await partsIn(content);
  const root = await composeClusterImage(parts, content);
  const turned = { ...parts, embedded: parts.embedded.toReversed() };
  assert.equal((await composeClusterImage(turned, content)).digest, root.digest);
  const text = (await Array.fromAsync(await content.open(root))).join("");
  const { manifests } = JSON.parse(text) as { manifests: Descriptor[] };
  assert.deepEqual(
    manifests.map(({ platform, annotations: noted }) => [platform?.os, noted?.[annotations.role]]),
    [
      ["linux", undefined],
      ["unknown", "embedded"],
      ["unknown", "embedded"],
      ["unknown", "indexes"],
    ],
  );
  for (const entry of manifests)
    assert.ok(
      ["application/vnd.oci.image.manifest.v1+json", mediaTypes.dockerManifest].includes(entry.mediaType),
    );
  assert.equal(text.includes("artifactType"), false);
});

test("an image of Sealer 0.9 is read: one manifest, launched applications", async () => {
  const content = new MemoryContent();
  const { manifest } = await plainImage(content, {
    ...extension,
    type: "app-installer",
    applications: [{ name: "web", type: "kube", files: ["a.yaml", "b.yaml"], version: "v1" }],
    launch: { app_names: ["web"] },
  });
  await content.tag("app:1", manifest);
  const image = await readClusterImage(content, "app:1");
  assert.equal(image.kind, "application");
  assert.equal(image.index, undefined);
  assert.deepEqual(image.cmd, [
    "kubectl apply -f application/apps/web/a.yaml && kubectl apply -f application/apps/web/b.yaml",
  ]);
});

test("any other image is an application's rootfs, and attestations are not", async () => {
  const content = new MemoryContent();
  const { manifest } = await plainImage(content);
  const attestation = { ...manifest, platform: { architecture: "unknown", os: "unknown" } };
  const index = encodeIndex({
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: [{ ...manifest, platform: amd64 }, attestation],
  });
  await content.tag("x:1", await content.add(mediaTypes.ociIndex, index));
  const image = await readClusterImage(content, "x:1");
  assert.deepEqual([image.kind, image.platforms.length, image.cmd], ["application", 1, []]);
  assert.throws(() => rootfsFor(image, () => false, "linux/arm64"), {
    code: "PLATFORM_NOT_FOUND",
    hint: /linux\/amd64/,
  });
});

test("documents that contradict each other are refused", async () => {
  const content = new MemoryContent();
  const config = await content.add(
    mediaTypes.ociConfig,
    encodeImageConfig({ ...amd64, rootfs: { type: "layers", diff_ids: [digestOf("x")] } }),
  );
  const manifest = encodeManifest({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config,
    layers: [],
  });
  await content.tag("x:1", await content.add(mediaTypes.ociManifest, manifest));
  await assert.rejects(readClusterImage(content, "x:1"), { code: "IMAGE_INVALID", message: /same layers/ });
});

test("how applications are launched", () => {
  assert.equal(launchCommand({ name: "a", type: "helm" }), "helm install a application/apps/a");
  assert.equal(launchCommand({ name: "a", type: "", cmds: ["cat", "x"] }), "cd application/apps/a && cat x");
  assert.equal(launchCommand({ name: "a", type: "" }), undefined);
});

test("a layer is unpacked once, whole or not at all", async (t) => {
  const folder = folderFor(t);
  mkdirSync(join(folder, "tree"));
  writeFileSync(join(folder, "tree/a"), "1");
  const tar = Buffer.concat(await Array.fromAsync(packTree(join(folder, "tree"))));
  const content = new MemoryContent();
  const blob = await content.add(
    mediaTypes.ociLayerZstd,
    Readable.from(compress(Readable.from([tar]), "zstd")),
  );
  const overlay = join(folder, "overlay");
  const layer = { ...blob, id: digestOf(tar).slice(7), createdBy: "" };
  const [place] = await unpackRootfs(content, [layer], overlay);
  assert.deepEqual(readdirSync(place!), ["a"]);
  rmSync(join(place!, "a"));
  await unpackRootfs(content, [layer], overlay);
  assert.deepEqual(readdirSync(place!), []);

  const wrong = { ...layer, id: digestOf("another").slice(7) };
  await assert.rejects(unpackRootfs(content, [wrong], overlay), { code: "DIGEST_MISMATCH" });
  assert.deepEqual(readdirSync(overlay), [layer.id]);
});

test("a view follows links inside of the rootfs only", async (t) => {
  const folder = folderFor(t);
  const { symlinkSync } = await import("node:fs");
  mkdirSync(join(folder, "l/etc"), { recursive: true });
  writeFileSync(join(folder, "l/etc/passwd"), "of the rootfs");
  symlinkSync("/etc/passwd", join(folder, "l/absolute"));
  symlinkSync("../../../../etc/passwd", join(folder, "l/etc/up"));
  symlinkSync("loop", join(folder, "l/loop"));
  symlinkSync("/etc/shadow", join(folder, "l/out"));
  const view = new RootfsView([join(folder, "l")]);
  assert.equal((await view.read("absolute"))?.toString(), "of the rootfs");
  assert.equal((await view.read("etc/up"))?.toString(), "of the rootfs");
  assert.equal((await view.read("../../etc/passwd"))?.toString(), "of the rootfs");
  assert.ok(existsSync("/etc/shadow"));
  for (const path of ["loop", "out", "nothing", "etc/passwd/x"])
    assert.equal(await view.read(path), undefined);
  assert.equal((await view.find("out", { follow: false }))?.kind, "symlink");
});

function folderFor(test: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "sealer-image-"));
  test.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function plainImage(content: MemoryContent, noted?: object) {
  const layer = await content.add(mediaTypes.ociLayerZstd, Buffer.from("layer"));
  const config = await content.add(
    mediaTypes.ociConfig,
    encodeImageConfig({ ...amd64, rootfs: { type: "layers", diff_ids: [digestOf("diff")] } }),
  );
  const document = encodeManifest({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config,
    layers: [layer],
    ...(noted ? { annotations: { [annotations.extension]: encode(noted).toString() } } : {}),
  });
  return { layer, manifest: await content.add(mediaTypes.ociManifest, document) };
}

async function partsIn(content: MemoryContent): Promise<ClusterImageParts> {
  const { layer, manifest } = await plainImage(content);
  const document = encodeIndex({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [manifest] });
  const embed = (name: string) => ({
    reference: `docker.io/library/${name}:1`,
    platform: amd64,
    descriptor: manifest,
    wantedBy: [{ file: "manifests/imageList", line: 1 }],
  });
  return {
    platforms: [
      {
        platform: amd64,
        layers: [layer],
        extension,
        unresolved: [{ file: "x", line: 1, text: "y", why: "z" }],
        config: {
          ...amd64,
          config: { Labels: { l: "1" } },
          rootfs: { type: "layers", diff_ids: [digestOf("diff")] },
          history: [{ created_by: "ENV A=1", empty_layer: true }, { created_by: "COPY . ." }],
        },
      },
    ],
    embedded: [embed("b"), embed("a")],
    indexes: [
      { reference: "docker.io/library/a:1", descriptor: await content.add(mediaTypes.ociIndex, document) },
    ],
  };
}
