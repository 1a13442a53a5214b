import { arch } from "node:os";
import { dirname } from "node:path";
import { Readable } from "node:stream";
import type { Blueprint } from "#cluster";
import { MemoryContent } from "#content";
import { compress, TarWriter } from "#files";
import { parseKubernetesVersion, readKubeadmDocuments } from "#kubernetes";
import { digestOf, mediaTypes } from "#oci";

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
    image: { name: "kubernetes:v1.20.2", digest: digestOf(Buffer.from(JSON.stringify(layers))) },
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

/** A file whose name ends in `setuid` is one. */
async function layerOf(
  files: Readonly<Record<string, string>>,
  how: "zstd" | "gzip",
  content: MemoryContent,
) {
  const chunks: Uint8Array[] = [];
  const tar = new TarWriter((chunk) => void chunks.push(chunk));
  const folders = new Set(
    Object.keys(files).flatMap((path) => (dirname(path) === "." ? [] : [`${dirname(path)}/`])),
  );
  for (const path of folders) await tar.add({ path, type: "directory", mode: 0o755 });
  for (const [path, text] of Object.entries(files)) {
    await tar.add({ path, type: "file", mode: path.endsWith("setuid") ? 0o4755 : 0o644 }, Buffer.from(text));
  }
  await tar.finish();
  const plain = Buffer.concat(chunks);
  const packed = Buffer.concat(await Array.fromAsync(compress(Readable.from([plain]), how)));
  const mediaType = how === "zstd" ? mediaTypes.ociLayerZstd : mediaTypes.ociLayerGzip;
  return { descriptor: await content.add(mediaType, packed), diffId: digestOf(plain) };
}
