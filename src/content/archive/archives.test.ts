import assert from "node:assert/strict";
import { readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { buffer } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { type Descriptor, digestOf, mediaTypes } from "#oci";
import { bytesOf, manyBytes } from "../../../test/contracts/content-contract.ts";
import { addImage, addIndex, tarOf } from "../../../test/support/images.ts";
import { childrenOf } from "../children.ts";
import { copyImage } from "../copy-image.ts";
import { MemoryContent } from "../memory-content.ts";
import { readDocument } from "../read-document.ts";
import { scratch } from "../testing.ts";
import { importDockerImage, importImage } from "./import-image.ts";
import { openArchive } from "./open-archive.ts";
import { writeDockerArchive } from "./write-docker-archive.ts";
import { writeOciArchive, writeOciFolder } from "./write-oci-archive.ts";

const amd64 = { os: "linux", architecture: "amd64" };

for (const [form, pack] of [
  ["plain", (bytes: Buffer) => bytes],
  ["gzip", gzipSync],
  ["zstd", zstdCompressSync],
] as const) {
  test(`an image survives an OCI archive (${form})`, async (t) => {
    const { source, root } = await imageIn(manyBytes(300_000));
    const path = join(await scratch(t), "app.tar");
    await writeOciArchive("app:v1", source, path);
    await writeFile(path, pack(await readFile(path)));
    const temporary = await scratch(t);

    const archive = await openArchive(path, { temporary });
    const target = new MemoryContent();
    assert.deepEqual([archive.kind, await archive.names()], ["oci-archive", ["app:v1"]]);
    assert.deepEqual(await copyImage("app:v1", archive, target), root);
    const [layer] = (await childrenOf((await childrenOf(root, archive))[0]!, archive)).slice(1);
    assert.deepEqual(await bytesOf(archive, layer!, 1000), await bytesOf(target, layer!, 1000));

    await archive.close();
    assert.deepEqual(await readdir(temporary), []);
  });

  test(`an image survives a Docker archive (${form})`, async (t) => {
    const source = new MemoryContent();
    const { manifest, tar } = await addImage(source, { bytes: manyBytes(300_000) });
    await source.tag("app:v1", manifest);
    const path = join(await scratch(t), "app.tar");
    await writeDockerArchive("app:v1", source, amd64, path);
    await writeFile(path, pack(await readFile(path)));

    const archive = await openArchive(path);
    t.after(() => archive.close());
    assert.deepEqual([archive.kind, await archive.names()], ["docker-archive", ["app:v1"]]);
    const target = new MemoryContent();
    const first = await importDockerImage(archive, "docker.io/library/app:v1", target);
    const second = await importImage(archive, "app:v1", new MemoryContent());

    assert.deepEqual(first, second);
    assert.equal(first.mediaType, mediaTypes.dockerManifest);
    const [config, layer] = await childrenOf(first, target);
    const diffIds = JSON.parse((await readDocument(target, config!)).toString()).rootfs.diff_ids;
    assert.deepEqual([layer!.mediaType, diffIds], [mediaTypes.dockerLayerGzip, [digestOf(tar)]]);
    const plain = await copyImage("app:v1", archive, new MemoryContent());
    assert.notDeepEqual(plain, first);
  });
}

test("an archive can be written to a stream, and is the same each time", async (t) => {
  const { source } = await imageIn(manyBytes(3_000_000));
  const stream = new PassThrough();
  const collected = buffer(stream);
  await writeOciArchive("app:v1", source, stream);
  stream.end();
  const path = join(await scratch(t), "app.tar");
  await writeOciArchive("app:v1", source, path);
  assert.ok((await collected).equals(await readFile(path)));
});

test("an archive that cannot be finished leaves the old one in place, and nothing else", async (t) => {
  const { source, root } = await imageIn(manyBytes(300_000));
  const folder = await scratch(t);
  const path = join(folder, "app.tar");
  await writeFile(path, "the old one");
  const [manifest] = await childrenOf(root, source);
  const [, layer] = await childrenOf(manifest!, source);
  const broken = {
    resolve: (reference: string) => source.resolve(reference),
    open: async (content: Descriptor) => source.open(content.digest === layer!.digest ? manifest! : content),
  };
  for (const write of [
    () => writeOciArchive("app:v1", broken, path),
    () => writeDockerArchive("app:v1", broken, amd64, path),
  ]) {
    await assert.rejects(write, { code: "DIGEST_MISMATCH" });
    assert.deepEqual(await readdir(folder), ["app.tar"]);
    assert.equal(await readFile(path, "utf8"), "the old one");
  }
});

test("an output that fails ends the writing", async () => {
  const { source } = await imageIn(manyBytes(3_000_000));
  const output = new PassThrough();
  setImmediate(() => output.destroy(new Error("no space")));
  await assert.rejects(writeOciArchive("app:v1", source, output), { message: "no space" });
});

test("an image is asked for by platform when it goes to Docker", async (t) => {
  const source = new MemoryContent();
  await source.tag("app:v1", await addIndex(source));
  const path = join(await scratch(t), "app.tar");
  await assert.rejects(writeDockerArchive("app:v1", source, { os: "linux", architecture: "s390x" }, path), {
    code: "PLATFORM_NOT_FOUND",
    hint: /linux\/amd64, linux\/arm64/,
  });
});

test("a folder is opened like an archive", async (t) => {
  const { source, root } = await imageIn(Buffer.from("x"));
  const folder = await scratch(t);
  await writeOciFolder("app:v1", source, folder);
  const archive = await openArchive(folder);
  assert.deepEqual([archive.kind, await archive.names()], ["oci-folder", ["app:v1"]]);
  assert.deepEqual(await importImage(archive, "app:v1", new MemoryContent()), root);
});

test("what newer Docker saves is read as OCI when it is whole, and as Docker's own when not", async (t) => {
  const source = new MemoryContent();
  const { manifest, config, layer, tar } = await addImage(source);
  const name = (content: Descriptor) => `blobs/sha256/${content.digest.slice(7)}`;
  const documents = {
    "oci-layout": '{"imageLayoutVersion":"1.0.0"}',
    "index.json": JSON.stringify({
      schemaVersion: 2,
      manifests: [
        {
          ...manifest,
          annotations: {
            "io.containerd.image.name": "docker.io/library/app:v1",
            "org.opencontainers.image.ref.name": "v1",
          },
        },
      ],
    }),
    "manifest.json": JSON.stringify([
      { Config: name(config), RepoTags: ["app:v1"], Layers: ["blobs/sha256/plain"] },
    ]),
    [name(config)]: await bytesOf(source, config),
    [name(layer)]: await bytesOf(source, layer),
    "blobs/sha256/plain": tar,
  };
  const path = join(await scratch(t), "app.tar");
  await writeFile(path, await tarOf({ ...documents, [name(manifest)]: await bytesOf(source, manifest) }));
  const whole = await openArchive(path);
  assert.deepEqual([whole.kind, await whole.names()], ["oci-archive", ["docker.io/library/app:v1"]]);
  assert.deepEqual(await whole.resolve("app:v1"), manifest);

  await writeFile(path, await tarOf(documents));
  const partial = await openArchive(path);
  assert.deepEqual([partial.kind, await partial.names()], ["docker-archive", ["app:v1"]]);
  await importImage(partial, "app:v1", new MemoryContent());
});

test("layers with other bytes than the configuration says are refused", async (t) => {
  const path = await dockerArchive(t, { "layer.tar": await tarOf({ other: "bytes" }) });
  const archive = await openArchive(path);
  const target = new MemoryContent();
  await assert.rejects(importImage(archive, "app:v1", target), { code: "DIGEST_MISMATCH" });
  await assert.rejects(target.resolve("app:v1"), { code: "IMAGE_NOT_FOUND" });
});

for (const [what, files, code] of [
  ["holds no image", { "readme.txt": "x" }, "IMAGE_INVALID"],
  ["has a layout without an index", { "oci-layout": "{}" }, "IMAGE_INVALID"],
  ["has names that lead out of it", { "../../etc/passwd": "x" }, "PATH_UNSAFE"],
  ["has absolute names", { "/etc/passwd": "x" }, "PATH_UNSAFE"],
  ["has a manifest.json that is no JSON", { "manifest.json": "{" }, "IMAGE_INVALID"],
  ["has a manifest.json of another kind", { "manifest.json": '{"schemaVersion":2}' }, "IMAGE_INVALID"],
  ["lists no layers by name", { "manifest.json": '[{"Config":"c","Layers":[1]}]' }, "IMAGE_INVALID"],
  [
    "names blobs by paths",
    {
      "oci-layout": "{}",
      "index.json": '{"manifests":[{"mediaType":"x","size":1,"digest":"sha256:../../x"}]}',
    },
    "IMAGE_INVALID",
  ],
] as const) {
  test(`refuses an archive that ${what}`, async (t) => {
    const path = join(await scratch(t), "app.tar");
    await writeFile(path, await tarOf(files));
    await assert.rejects(openArchive(path), { code });
  });
}

test("refuses a Docker archive whose layers or configuration are missing", async (t) => {
  const archive = await openArchive(await dockerArchive(t, {}));
  await assert.rejects(importImage(archive, "app:v1", new MemoryContent()), {
    code: "IMAGE_INVALID",
    message: /layer\.tar is missing/,
  });
  await assert.rejects(archive.resolve("other"), { code: "IMAGE_NOT_FOUND", hint: "There are: app:v1." });
});

test("refuses blobs that are not what their names say", async (t) => {
  const { source, root } = await imageIn(Buffer.from("x"));
  const path = join(await scratch(t), "app.tar");
  await writeOciArchive("app:v1", source, path);
  const bytes = await readFile(path);
  bytes[bytes.length - 1024 - 512] = 1;
  await writeFile(path, bytes);
  const archive = await openArchive(path);
  await assert.rejects(copyImage("app:v1", archive, new MemoryContent()), { code: /MISMATCH|INVALID/ });
  assert.deepEqual(await archive.resolve("app:v1"), root);
});

test("an archive never takes the place of a device, a folder or a link", async (t) => {
  const { source } = await imageIn(manyBytes(1000));
  const folder = await scratch(t);
  await writeOciArchive("app:v1", source, "/dev/null");
  assert.ok((await stat("/dev/null")).isCharacterDevice());
  await assert.rejects(writeOciArchive("app:v1", source, folder), { code: "FILE_INVALID", exitCode: 2 });
  await assert.rejects(writeOciArchive("app:v1", source, join(folder, "no/app.tar")), {
    code: "FILE_NOT_FOUND",
  });
  await writeFile(join(folder, "real.tar"), "old");
  await symlink("real.tar", join(folder, "link.tar"));
  await writeOciArchive("app:v1", source, join(folder, "link.tar"));
  assert.deepEqual(await (await openArchive(join(folder, "real.tar"))).names(), ["app:v1"]);
  assert.deepEqual((await readdir(folder)).sort(), ["link.tar", "real.tar"]);
});

test("what is no archive is told by its own name, also when it is compressed", async (t) => {
  const folder = await scratch(t);
  const path = join(folder, "text.gz");
  await writeFile(path, gzipSync("just text ".repeat(100)));
  await assert.rejects(openArchive(path), { code: "TAR_INVALID", message: `${path} is not a tar archive` });
  await assert.rejects(openArchive(join(folder, "no.tar")), { code: "FILE_NOT_FOUND" });
  await assert.rejects(openArchive(folder), { code: "IMAGE_INVALID", message: /it has no oci-layout/ });
  await assert.rejects(openArchive("/dev/null"), { code: "FILE_INVALID" });
});

test("refuses archives that are damaged or cut off, compressed or not", async (t) => {
  const { source } = await imageIn(manyBytes(100_000));
  const path = join(await scratch(t), "app.tar");
  await writeOciArchive("app:v1", source, path);
  const bytes = await readFile(path);
  const flipped = Buffer.from(bytes);
  flipped[600] = flipped[600]! ^ 1;
  flipped[512 * 2 + 3] = flipped[512 * 2 + 3]! ^ 1;
  for (const bad of [
    bytes.subarray(0, 40_000),
    bytes.subarray(0, bytes.length - 1024),
    flipped,
    Buffer.alloc(0),
    Buffer.from("x"),
  ]) {
    await writeFile(path, bad);
    await assert.rejects(openArchive(path), { code: "TAR_INVALID", exitCode: 3 });
  }
  await writeFile(path, gzipSync(bytes).subarray(0, 50_000));
  const temporary = await scratch(t);
  await assert.rejects(openArchive(path, { temporary }), {
    code: "TAR_INVALID",
    exitCode: 3,
  });
  assert.deepEqual(await readdir(temporary), []);
  await assert.rejects(openArchive(join(path, "none")), { code: "FILE_NOT_FOUND" });
});

async function imageIn(bytes: Buffer) {
  const source = new MemoryContent();
  const { manifest } = await addImage(source, { bytes });
  const platform = { ...manifest, platform: amd64 };
  const root = await source.add(
    mediaTypes.ociIndex,
    Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [platform] })),
  );
  await source.tag("app:v1", root);
  return { source, root };
}

async function dockerArchive(t: TestContext, files: Record<string, Uint8Array>): Promise<string> {
  const config = {
    os: "linux",
    architecture: "amd64",
    rootfs: { type: "layers", diff_ids: [digestOf("tar")] },
  };
  const manifest = [{ Config: "c.json", RepoTags: ["app:v1"], Layers: ["layer.tar"] }];
  const path = join(await scratch(t), "docker.tar");
  const documents = { "c.json": JSON.stringify(config), "manifest.json": JSON.stringify(manifest) };
  await writeFile(path, await tarOf({ ...documents, ...files }));
  return path;
}
