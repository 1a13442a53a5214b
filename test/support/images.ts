import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import type { ContentSink } from "#content";
import { TarWriter } from "#files";
import { type Descriptor, digestOf, encodeImageConfig, encodeIndex, encodeManifest, mediaTypes } from "#oci";

/** A real image of one layer with one file, for one architecture. */
export async function addImage(
  sink: ContentSink,
  options: { readonly architecture?: string; readonly text?: string; readonly bytes?: Buffer } = {},
): Promise<{ manifest: Descriptor; config: Descriptor; layer: Descriptor; tar: Buffer }> {
  const { architecture = "amd64", text = "hello", bytes = Buffer.from(text) } = options;
  const tar = await tarOf({ "hello.txt": bytes });
  const layer = await sink.add(mediaTypes.ociLayerGzip, gzipSync(tar));
  const config = await sink.add(
    mediaTypes.ociConfig,
    encodeImageConfig({
      architecture,
      os: "linux",
      rootfs: { type: "layers", diff_ids: [digestOf(tar)] },
    }),
  );
  const manifest = await sink.add(
    mediaTypes.ociManifest,
    encodeManifest({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [layer] }),
  );
  return { manifest, config, layer, tar };
}

/** The same for two architectures, under one index. */
export async function addIndex(sink: ContentSink, text = "hello"): Promise<Descriptor> {
  const manifests: Descriptor[] = [];
  for (const architecture of ["amd64", "arm64"]) {
    const { manifest } = await addImage(sink, { architecture, text: `${text} ${architecture}` });
    manifests.push({ ...manifest, platform: { architecture, os: "linux" } });
  }
  return sink.add(
    mediaTypes.ociIndex,
    encodeIndex({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }),
  );
}

export async function tarOf(files: Readonly<Record<string, Uint8Array | string>>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  const tar = new TarWriter((chunk) => void chunks.push(Buffer.from(chunk)));
  for (const [path, content] of Object.entries(files)) {
    await tar.add({ path, type: "file", mode: 0o644 }, Buffer.from(content));
  }
  await tar.finish();
  return buffer(Readable.from(chunks));
}
