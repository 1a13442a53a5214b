import { annotations, readClusterImage } from "#cluster-image";
import type { ImageStore } from "#content";
import { SealerError } from "#errors";
import { formatReference, parseReference, platformMatches, type Reference } from "#oci";
import type { FoundImage, ImageFinder } from "./image-finder.ts";

/** Container images that are here already: under their own names, or embedded in other ClusterImages. */
export function findInStore(store: ImageStore): ImageFinder {
  return {
    placeOf: () => "the local store",
    async find(reference, { platform, signal }) {
      for (const { name, descriptor } of await store.names()) {
        if (isNameOf(name, reference)) return { source: store, root: descriptor };
        const embedded = await findEmbedded(
          store,
          name,
          reference,
          (one) => platformMatches(platform, one),
          signal,
        );
        if (embedded) return embedded;
      }
      return { why: "it has no image of that name" };
    },
  };
}

function isNameOf(name: string, reference: Reference): boolean {
  try {
    return formatReference(parseReference(name)) === formatReference(reference);
  } catch (error) {
    if (error instanceof SealerError) return false;
    throw error;
  }
}

/** An image that cannot be read cannot have it: its own fault is told when it is used. */
async function findEmbedded(
  store: ImageStore,
  name: string,
  reference: Reference,
  isWanted: (platform: Parameters<typeof platformMatches>[1]) => boolean,
  signal: AbortSignal | undefined,
): Promise<FoundImage | undefined> {
  const image = await readClusterImage(store, name, { signal }).catch((error: unknown) => {
    if (error instanceof SealerError) return undefined;
    throw error;
  });
  const wanted = formatReference(reference);
  const entry = image?.embedded.find((one) => one.reference === wanted && isWanted(one.platform));
  if (!image || !entry || !(await store.has(entry.descriptor))) return undefined;
  const index = image.indexes.find(({ annotations: noted }) => noted?.[annotations.referenceName] === wanted);
  return { source: store, root: index ?? entry.descriptor, manifest: entry.descriptor };
}
