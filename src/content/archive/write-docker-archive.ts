import { SealerError } from "#errors";
import { decompress, hashing } from "#files";
import {
  type Descriptor,
  type Digest,
  encode,
  formatPlatform,
  hexOf,
  type ImageConfig,
  isManifest,
  type Platform,
  platformMatches,
} from "#oci";
import { childrenOf } from "../children.ts";
import type { ContentSource } from "../content.ts";
import { readDocument } from "../read-document.ts";
import { digestMismatch, verified } from "../verified.ts";
import { type ArchiveOutput, writeArchive } from "./write-archive.ts";

type WaitOptions = { readonly signal?: AbortSignal | undefined };

/** Writes one platform of an image as `docker save` does, for `docker load`: layers are plain tars. */
export async function writeDockerArchive(
  reference: string,
  source: ContentSource,
  platform: Platform,
  output: ArchiveOutput,
  options: WaitOptions = {},
): Promise<Descriptor> {
  const root = await source.resolve(reference, options);
  const manifest = await manifestFor(platform, root, reference, source, options);
  const [config, ...layers] = await childrenOf(manifest, source, options);
  const configBytes = await readDocument(source, config!, options);
  const diffIds = (JSON.parse(configBytes.toString()) as ImageConfig).rootfs?.diff_ids ?? [];
  const names = layers.map((_, position) => `${hexOf(diffIds[position] ?? layers[position]!.digest)}.tar`);
  const configName = `${hexOf(config!.digest)}.json`;
  const list = encode([
    { Config: configName, RepoTags: hasTag(reference) ? [reference] : null, Layers: names },
  ]);
  const file = (path: string, size: number) => ({ path, type: "file" as const, mode: 0o644, size });

  await writeArchive(output, async (tar) => {
    await tar.add(file("manifest.json", list.length), list);
    await tar.add(file(configName, configBytes.length), configBytes);
    for (const [position, name] of names.entries()) {
      if (names.indexOf(name) < position) continue;
      const layer = layers[position]!;
      const size = await plainSize(source, layer, diffIds[position], options);
      await tar.add(file(name, size), await plain(source, layer, options));
    }
  });
  return manifest;
}

async function manifestFor(
  platform: Platform,
  root: Descriptor,
  reference: string,
  source: ContentSource,
  options: WaitOptions,
): Promise<Descriptor> {
  if (isManifest(root.mediaType)) return root;
  const entries = await childrenOf(root, source, options);
  const fits = (entry: Descriptor) => entry.platform && platformMatches(platform, entry.platform);
  const found = entries.find((entry) => isManifest(entry.mediaType) && fits(entry));
  if (found) return found;
  const offered = entries.flatMap(({ platform }) =>
    platform && platform.os !== "unknown" ? formatPlatform(platform) : [],
  );
  throw new SealerError("PLATFORM_NOT_FOUND", `${reference} is not there for ${formatPlatform(platform)}`, {
    hint: `It is there for: ${[...new Set(offered)].join(", ") || "no platform"}.`,
  });
}

/** A tar header wants the size before the bytes, and a whole layer is not held: so it is read twice. */
async function plainSize(
  source: ContentSource,
  layer: Descriptor,
  diffId: Digest | undefined,
  options: WaitOptions,
): Promise<number> {
  const bytes = hashing(await plain(source, layer, options));
  for await (const _ of bytes);
  if (diffId?.startsWith("sha256:") && bytes.digest !== diffId) throw digestMismatch(diffId, bytes.digest);
  return bytes.size;
}

async function plain(source: ContentSource, layer: Descriptor, options: WaitOptions) {
  return decompress(verified(await source.open(layer, options), layer), { where: layer.digest });
}

function hasTag(reference: string): boolean {
  return reference.slice(reference.lastIndexOf("/") + 1).includes(":") && !reference.includes("@");
}
