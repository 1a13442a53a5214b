import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { arch, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import type { Blueprint } from "#cluster";
import { MemoryContent } from "#content";
import { compress, packTree } from "#files";
import { parseKubernetesVersion, readKubeadmDocuments } from "#kubernetes";
import { digestFromHash, mediaTypes } from "#oci";

/** An image out of files, one layer for each set of them, and what running it needs to know. */
export async function blueprintOf(
  layers: readonly Readonly<Record<string, string>>[],
  change: Partial<Blueprint> = {},
): Promise<{ readonly blueprint: Blueprint; readonly content: MemoryContent }> {
  const content = new MemoryContent();
  const sent = [];
  for (const [position, files] of layers.entries()) {
    sent.push(await layerOf(files, position % 2 === 0 ? "zstd" : "gzip", content));
  }
  const blueprint: Blueprint = {
    image: {
      name: "kubernetes:v1.20.2",
      digest: digestFromHash(createHash("sha256").update(JSON.stringify(layers))),
    },
    version: parseKubernetesVersion("v1.20.2"),
    runtime: "docker",
    kubeadm: readKubeadmDocuments("", "etc/kubeadm.yml"),
    registry: { domain: "sea.hub", port: 5000, login: undefined },
    platforms: [
      {
        platform: { os: "linux", architecture: arch() === "x64" ? "amd64" : arch() },
        layers: sent,
        folders: [],
        treeBytes: 1000,
        hasUnzstd: false,
      },
    ],
    images: [],
    archives: [],
    imageBytes: 0,
    commands: [],
    env: {},
    ...change,
  };
  return { blueprint, content };
}

async function layerOf(
  files: Readonly<Record<string, string>>,
  how: "zstd" | "gzip",
  content: MemoryContent,
) {
  const folder = await mkdtemp(join(tmpdir(), "sealer-layer-"));
  try {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text, { mode: path.endsWith("setuid") ? 0o4755 : 0o644 });
    }
    const tar = Buffer.concat(await Array.fromAsync(packTree(folder)));
    const diffId = digestFromHash(createHash("sha256").update(tar));
    const packed = Buffer.concat(await Array.fromAsync(compress(Readable.from([tar]), how)));
    const mediaType = how === "zstd" ? mediaTypes.ociLayerZstd : mediaTypes.ociLayerGzip;
    return { descriptor: await content.add(mediaType, packed), diffId };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
