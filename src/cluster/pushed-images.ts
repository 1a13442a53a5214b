import { annotations, type ClusterImage, type EmbeddedImage } from "#cluster-image";
import { type Descriptor, digestOf, encodeIndex, mediaTypes, parseReference } from "#oci";
import type { PushedImage } from "./step.ts";

/**
 * What goes into the cluster's registry, under the names that `docs/registry.md` lists: the registry's own domain is no part of a
 * repository, every other one is its first segment. An image for several platforms goes as the index that it came
 * with, or as one made of what there is.
 */
export function pushedImages({ embedded, indexes }: ClusterImage, ownDomain: string): readonly PushedImage[] {
  const references = [...new Set(embedded.map(({ reference }) => reference))].sort();
  return references.map((reference) => {
    const entries = embedded.filter((entry) => entry.reference === reference);
    const index = indexes.find((document) => document.annotations?.[annotations.referenceName] === reference);
    const { repository, tag } = placeOf(reference, ownDomain);
    const held = entries.map(({ descriptor }) => descriptor.digest);
    if (index) return { reference, repository, tag, descriptor: plain(index), held };
    const [only, ...more] = entries;
    if (only && more.length === 0)
      return { reference, repository, tag, descriptor: plain(only.descriptor), held };
    return { reference, repository, tag, held, ...indexOf(entries) };
  });
}

/** Folder and tag of a fully qualified reference in a registry whose own domain is `ownDomain` (with its port). */
export function placeOf(reference: string, ownDomain: string): { repository: string; tag: string } {
  const { registry, repository, tag, digest } = parseReference(reference);
  const folder = registry === ownDomain ? repository : `${registry.replace(":", "__")}/${repository}`;
  return { repository: folder, tag: tag ?? digest ?? "latest" };
}

function indexOf(entries: readonly EmbeddedImage[]): { descriptor: Descriptor; made: string } {
  const document = encodeIndex({
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: entries.map(({ descriptor, platform }) => ({ ...plain(descriptor), platform })),
  });
  const descriptor = { mediaType: mediaTypes.ociIndex, digest: digestOf(document), size: document.length };
  return { descriptor, made: document.toString("base64") };
}

function plain({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size };
}
