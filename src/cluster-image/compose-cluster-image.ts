import type { ContentSink } from "#content";
import {
  type Descriptor,
  encode,
  encodeImageConfig,
  encodeIndex,
  encodeManifest,
  formatPlatform,
  type ImageConfig,
  mediaTypes,
  type Platform,
} from "#oci";
import { annotations, indexDocumentType, roles } from "./annotations.ts";
import type { EmbeddedImage, UnresolvedImage } from "./cluster-image.ts";
import type { Extension } from "./extension.ts";

export interface ClusterImageParts {
  readonly platforms: readonly {
    readonly platform: Platform;
    readonly config: ImageConfig;
    readonly layers: readonly Descriptor[];
    readonly extension: Extension;
    readonly unresolved: readonly UnresolvedImage[];
  }[];
  readonly embedded: readonly Omit<EmbeddedImage, "size">[];
  /** Index documents that are in the sink already, with the reference that each was found under. */
  readonly indexes: readonly { readonly reference: string; readonly descriptor: Descriptor }[];
}

/**
 * Writes the documents of a ClusterImage whose blobs are in `sink` already, and returns its index. The same parts give
 * the same digest, in whatever order embedded images come.
 */
export async function composeClusterImage(
  parts: ClusterImageParts,
  sink: ContentSink,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<Descriptor> {
  const manifests: Descriptor[] = [];
  for (const rootfs of parts.platforms) manifests.push(await writeRootfs(rootfs, sink, options));
  manifests.push(...parts.embedded.map(embeddedEntry).sort(byNameAndPlatform));
  if (parts.indexes.length > 0) manifests.push(await writeIndexes(parts.indexes, sink, options));
  const index = encodeIndex({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests });
  return sink.add(mediaTypes.ociIndex, index, options);
}

type Options = { readonly signal?: AbortSignal | undefined };

async function writeRootfs(
  { platform, config, layers, extension, unresolved }: ClusterImageParts["platforms"][number],
  sink: ContentSink,
  options: Options,
): Promise<Descriptor> {
  const configDescriptor = await sink.add(mediaTypes.ociConfig, encodeImageConfig(config), options);
  const manifest = encodeManifest({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: configDescriptor,
    layers: layers.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
    annotations: {
      [annotations.extension]: encode(extension).toString(),
      ...(unresolved.length > 0 ? { [annotations.unresolved]: encode(unresolved).toString() } : {}),
    },
  });
  return { ...(await sink.add(mediaTypes.ociManifest, manifest, options)), platform };
}

const nobodysPlatform: Platform = { architecture: "unknown", os: "unknown" };

function embeddedEntry({
  descriptor,
  reference,
  platform,
  wantedBy,
}: Omit<EmbeddedImage, "size">): Descriptor {
  const { mediaType, digest, size } = descriptor;
  return {
    mediaType,
    digest,
    size,
    platform: nobodysPlatform,
    annotations: {
      [annotations.role]: roles.embedded,
      [annotations.platform]: formatPlatform(platform),
      [annotations.referenceName]: reference,
      [annotations.wantedBy]: encode(wantedBy.map(({ file, line }) => ({ file, line }))).toString(),
    },
  };
}

function byNameAndPlatform(a: Descriptor, b: Descriptor): number {
  const key = ({ annotations: noted }: Descriptor) =>
    `${noted?.[annotations.referenceName]} ${noted?.[annotations.platform]}`;
  return key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0;
}

/** One artifact whose layers are the index documents, byte for byte: pods may name an index by its digest. */
async function writeIndexes(
  indexes: ClusterImageParts["indexes"],
  sink: ContentSink,
  options: Options,
): Promise<Descriptor> {
  const config = await sink.add(mediaTypes.ociEmpty, Buffer.from("{}"), options);
  const layers = indexes
    .map(({ reference, descriptor: { mediaType, digest, size } }) => ({
      mediaType: indexDocumentType,
      digest,
      size,
      annotations: { [annotations.referenceName]: reference, [annotations.mediaType]: mediaType },
    }))
    .sort((a, b) =>
      `${a.annotations[annotations.referenceName]} ${a.digest}` <
      `${b.annotations[annotations.referenceName]} ${b.digest}`
        ? -1
        : 1,
    );
  const manifest = encodeManifest({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config,
    layers,
  });
  return {
    ...(await sink.add(mediaTypes.ociManifest, manifest, options)),
    platform: nobodysPlatform,
    annotations: { [annotations.role]: roles.indexes },
  };
}
