import { annotations, type ClusterImage, readClusterImage } from "#cluster-image";
import type { ImageStore } from "#content";
import { SealerError } from "#errors";
import { type Descriptor, formatReference, type Platform, parseReference, platformMatches } from "#oci";
import type { FoundImage, ImageFinder } from "./image-finder.ts";

/** Container images that are here already: under their own names, or embedded in other ClusterImages. */
export function findInStore(store: ImageStore): ImageFinder {
  let known: Promise<readonly KnownImage[]> | undefined;
  return {
    placeOf: () => "the local store",
    async find(reference, { platform, signal }) {
      known ??= readAll(store, signal);
      const wanted = formatReference(reference);
      for (const { fullName, root, image } of await known) {
        if (fullName === wanted) return { source: store, root };
        const embedded = image && (await findEmbedded(image, wanted, platform, store));
        if (embedded) return embedded;
      }
      return { why: "it has no image of that name" };
    },
  };
}

interface KnownImage {
  readonly fullName: string | undefined;
  readonly root: Descriptor;
  /** Undefined for what cannot be read: its own fault is told when it is used. */
  readonly image: ClusterImage | undefined;
}

async function readAll(store: ImageStore, signal: AbortSignal | undefined): Promise<KnownImage[]> {
  const known: KnownImage[] = [];
  for (const { name, descriptor } of await store.names()) {
    const image = await orNothing(() => readClusterImage(store, name, { signal }));
    const fullName = await orNothing(async () => formatReference(parseReference(name)));
    known.push({ fullName, root: descriptor, image });
  }
  return known;
}

async function findEmbedded(
  image: ClusterImage,
  wanted: string,
  platform: Platform,
  store: ImageStore,
): Promise<FoundImage | undefined> {
  const entry = image.embedded.find(
    (one) => one.reference === wanted && platformMatches(platform, one.platform),
  );
  if (!entry || !(await store.has(entry.descriptor))) return undefined;
  const index = image.indexes.find(({ annotations: noted }) => noted?.[annotations.referenceName] === wanted);
  return { source: store, root: index ?? entry.descriptor, manifest: entry.descriptor };
}

async function orNothing<Result>(work: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof SealerError) return undefined;
    throw error;
  }
}
