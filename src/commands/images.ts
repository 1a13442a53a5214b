import { command, formatBytes, table } from "#cli";
import { type ClusterImage, readClusterImage } from "#cluster-image";
import { mapLimited } from "#concurrency";
import { childrenOf, type ImageStore } from "#content";
import { SealerError } from "#errors";
import { type Descriptor, formatPlatform, hexOf, isIndex, isManifest } from "#oci";
import { openImages } from "./shared/open-images.ts";
import { shortTime } from "./shared/short-time.ts";

export const images = command({
  name: "images",
  summary: "List the images on this machine",
  json: '[{name, digest, kind: "kubernetes" | "application" | "broken", platforms: [...], created, size, embedded}]',
  operands: "[NAME]",
  flags: { digests: { type: "boolean", summary: "Whole digests instead of their first digits" } },
  description:
    "NAME lists only images with that text in their names. Sizes are of what each image needs in all; what two images share is kept only once.\n\n  sealer images\n  sealer images kubernetes --format json",
  async run({ flags, operands: [part] }, context) {
    await using opened = await openImages(context);
    const { store } = opened;
    const names = (await store.names()).filter(({ name }) => part === undefined || name.includes(part));
    names.sort((a, b) => (a.name < b.name ? -1 : 1));
    const rows = await mapLimited(names, 8, (entry) => describe(store, entry));
    context.result(rows, () => text(rows, part, flags.digests));
  },
});

type Row = Awaited<ReturnType<typeof describe>>;

async function describe(store: ImageStore, { name, descriptor }: { name: string; descriptor: Descriptor }) {
  const { digest } = descriptor;
  try {
    const image = await readClusterImage(store, name);
    const platforms = [...new Set(image.platforms.map(({ platform }) => formatPlatform(platform)))];
    const kind: ClusterImage["kind"] | "broken" = image.kind;
    const size = await sizeOf(descriptor, store);
    return {
      name,
      digest,
      kind,
      platforms,
      created: image.created ?? null,
      size,
      embedded: image.embedded.length,
    };
  } catch (error) {
    if (!(error instanceof SealerError)) throw error;
    return { name, digest, kind: "broken" as const, platforms: [], created: null, size: 0, embedded: 0 };
  }
}

/** Every blob once. */
async function sizeOf(root: Descriptor, store: ImageStore): Promise<number> {
  const sizes = new Map<string, number>();
  const visit = async (content: Descriptor): Promise<void> => {
    if (sizes.has(content.digest)) return;
    sizes.set(content.digest, content.size);
    if (!isIndex(content.mediaType) && !isManifest(content.mediaType)) return;
    const children = await childrenOf(content, store);
    if (isManifest(content.mediaType)) for (const { digest, size } of children) sizes.set(digest, size);
    else await mapLimited(children, 8, (child) => visit(child).catch(notHere));
  };
  await visit(root);
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}

/** Of an image pulled for some platforms, the other entries are not here. */
function notHere(error: unknown): void {
  if (!(error instanceof SealerError)) throw error;
}

function text(rows: readonly Row[], part: string | undefined, wholeDigests: boolean): string {
  if (rows.length === 0 && part !== undefined) return `No image here has "${part}" in its name.`;
  if (rows.length === 0)
    return "There are no images here. sealer build makes one, sealer pull and sealer load bring one.";
  return table(
    ["NAME", "DIGEST", "KIND", "PLATFORM", "IMAGES", "SIZE", "CREATED"],
    rows.map(({ name, digest, kind, platforms, embedded, size, created }) => [
      name,
      wholeDigests ? digest : hexOf(digest).slice(0, 12),
      kind,
      platforms.join(","),
      String(embedded),
      formatBytes(size),
      shortTime(created),
    ]),
  );
}
