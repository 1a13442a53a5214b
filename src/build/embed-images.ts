import type { ClusterImage, ClusterImageParts } from "#cluster-image";
import { mapLimited } from "#concurrency";
import { type ContentSource, copyImage, type ImageStore, readDocument } from "#content";
import { SealerError } from "#errors";
import {
  type Descriptor,
  formatPlatform,
  type ImageConfig,
  type Index,
  isIndex,
  isManifest,
  type Manifest,
  type Platform,
  parseReference,
  platformMatches,
} from "#oci";
import type { Progress } from "#progress";
import type { WantedImage } from "./find-container-images.ts";
import type { FoundImage, ImageFinder } from "./image-finder.ts";
import { nameless } from "./nameless.ts";

export interface EmbedOptions {
  readonly store: ImageStore;
  readonly platform: Platform;
  /** The nearest first. */
  readonly finders: readonly ImageFinder[];
  /** What the base embeds is taken from there, whatever its names stand for by now. */
  readonly base: ClusterImage | undefined;
  readonly progress: Progress;
  readonly signal?: AbortSignal | undefined;
}

type Embedded = ClusterImageParts["embedded"][number];
type IndexDocument = ClusterImageParts["indexes"][number];

export interface EmbeddedImages {
  readonly embedded: readonly Embedded[];
  readonly indexes: readonly IndexDocument[];
}

/**
 * Brings the wanted container images into the store, for one platform, and keeps those of the base.
 * @throws IMAGE_NOT_FOUND naming every image that is nowhere, where it was looked for and who wants it
 */
export async function embedImages(
  wanted: readonly WantedImage[],
  options: EmbedOptions,
): Promise<EmbeddedImages> {
  const missing: SealerError[] = [];
  const results = await mapLimited(
    wanted,
    4,
    async (image, signal) => {
      try {
        return await embedImage(image, { ...options, signal });
      } catch (error) {
        if (!(error instanceof SealerError) || error.code !== "IMAGE_NOT_FOUND") throw error;
        missing.push(error);
        return { embedded: [], indexes: [] };
      }
    },
    { signal: options.signal },
  );
  if (missing.length > 0) throw allMissing(missing);
  const fromBase = leftInBase(wanted, options);
  return {
    embedded: [...results.flatMap(({ embedded }) => embedded), ...fromBase.embedded],
    indexes: [...results.flatMap(({ indexes }) => indexes), ...fromBase.indexes],
  };
}

async function embedImage(image: WantedImage, options: EmbedOptions): Promise<EmbeddedImages> {
  const { base, platform } = options;
  const { reference, wantedBy } = image;
  const inBase = base?.embedded.find(
    (one) => one.reference === reference && platformMatches(platform, one.platform),
  );
  if (inBase) return { embedded: [{ ...inBase, wantedBy }], indexes: [] };
  const found = await lookEverywhere(image, options);
  const descriptor = found.manifest ?? (await choose(image, found, options));
  await bring(reference, descriptor, found.source, options);
  const indexes = isIndex(found.root.mediaType) ? [await keepIndex(image, found, options)] : [];
  return { embedded: [{ reference, platform, descriptor, wantedBy }], indexes };
}

async function lookEverywhere(
  image: WantedImage,
  { finders, platform, signal }: EmbedOptions,
): Promise<FoundImage> {
  const reference = parseReference(image.reference);
  const looked: string[] = [];
  for (const finder of finders) {
    const found = await finder.find(reference, { platform, signal });
    if ("root" in found) return found;
    looked.push(`${finder.placeOf(reference)}: ${found.why}`);
  }
  throw new SealerError("IMAGE_NOT_FOUND", `the image ${image.reference} is nowhere to be found`, {
    where: placesOf(image),
    hint: looked.map((line) => `Looked in ${line}.`).join("\n"),
  });
}

function placesOf({ wantedBy }: WantedImage): string {
  return wantedBy.map(({ file, line }) => `${file}:${line}`).join(", ");
}

/** The manifest for the platform: out of an index, or the one there is. @throws PLATFORM_NOT_FOUND */
async function choose(
  image: WantedImage,
  { root, source }: FoundImage,
  { platform, signal }: EmbedOptions,
): Promise<Descriptor> {
  const offered = isIndex(root.mediaType)
    ? (await json<Index>(source, root, signal)).manifests.filter(({ mediaType }) => isManifest(mediaType))
    : [{ ...root, platform: await platformOf(source, root, signal) }];
  const loosely = { architecture: platform.architecture, os: platform.os };
  const found =
    offered.find((entry) => entry.platform && platformMatches(platform, entry.platform)) ??
    offered.find(({ platform: one }) => one?.os === loosely.os && one.architecture === loosely.architecture);
  if (found) return found;
  const others = new Set(
    offered.flatMap(({ platform: one }) => (one && one.os !== "unknown" ? formatPlatform(one) : [])),
  );
  const wanted = formatPlatform(platform);
  throw new SealerError("PLATFORM_NOT_FOUND", `the image ${image.reference} is not there for ${wanted}`, {
    where: placesOf(image),
    hint: `It is there for ${[...others].join(", ") || "no platform at all"}.`,
  });
}

async function platformOf(
  source: ContentSource,
  manifest: Descriptor,
  signal: AbortSignal | undefined,
): Promise<Platform> {
  const { config } = await json<Manifest>(source, manifest, signal);
  const {
    os = "linux",
    architecture = "unknown",
    variant,
  } = await json<Partial<ImageConfig>>(source, config, signal);
  return { os, architecture, ...(variant ? { variant } : {}) };
}

/** Under the store's lease; the name stays free, since an embedded image belongs to the ClusterImage only. */
async function bring(
  reference: string,
  manifest: Descriptor,
  source: ContentSource,
  options: EmbedOptions,
): Promise<void> {
  const { store, progress, signal } = options;
  const one = { resolve: async () => manifest, open: source.open.bind(source) };
  await copyImage(reference, one, nameless(store), { progress, signal });
}

async function keepIndex(
  { reference }: WantedImage,
  { root, source }: FoundImage,
  options: EmbedOptions,
): Promise<IndexDocument> {
  const { store, signal } = options;
  const document = await readDocument(source, root, { signal });
  return { reference, descriptor: await store.add(root.mediaType, document, { signal }) };
}

/** What the base embeds and the new rootfs does not ask for stays embedded: running clusters may need it. */
function leftInBase(wanted: readonly WantedImage[], { base, platform }: EmbedOptions) {
  const asked = new Set(wanted.map(({ reference }) => reference));
  const embedded = (base?.embedded ?? []).filter(
    (one) => !asked.has(one.reference) && platformMatches(platform, one.platform),
  );
  const indexes = (base?.indexes ?? []).map((descriptor) => ({
    reference: descriptor.annotations?.["org.opencontainers.image.ref.name"] ?? "",
    descriptor,
  }));
  return { embedded, indexes };
}

function allMissing(missing: readonly SealerError[]): SealerError {
  const [first] = missing;
  const how =
    "Name an archive or a folder that holds it by --images-from, or give a registry that can be reached.";
  if (missing.length === 1) {
    return new SealerError("IMAGE_NOT_FOUND", first!.message, {
      where: first!.where,
      hint: `${first!.hint}\n${how}`,
    });
  }
  const lines = missing.map(({ message, where }) => `  ${message} (wanted by ${where})`);
  return new SealerError("IMAGE_NOT_FOUND", `${missing.length} images are missing:\n${lines.join("\n")}`, {
    where: first!.where,
    hint: `${first!.hint}\n${how}`,
  });
}

async function json<Document>(
  source: ContentSource,
  descriptor: Descriptor,
  signal: AbortSignal | undefined,
): Promise<Document> {
  const text = (await readDocument(source, descriptor, { signal })).toString();
  try {
    return JSON.parse(text) as Document;
  } catch (cause) {
    throw new SealerError("IMAGE_INVALID", `${descriptor.digest} is not JSON`, { cause });
  }
}
