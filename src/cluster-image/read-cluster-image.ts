import { mapLimited } from "#concurrency";
import { type ContentSource, readDocument } from "#content";
import { SealerError } from "#errors";
import {
  type Descriptor,
  formatPlatform,
  hexOf,
  type ImageConfig,
  type Index,
  isIndex,
  isManifest,
  type Manifest,
  parsePlatform,
} from "#oci";
import { annotations, roles } from "./annotations.ts";
import type { ClusterImage, EmbeddedImage, RootfsLayer, RootfsOfPlatform } from "./cluster-image.ts";
import { type Extension, launchCommand, parseExtension } from "./extension.ts";

/**
 * Reads an image's documents as a ClusterImage: ours, those of Sealer 0.9, and any other image, whose layers are then
 * an application's rootfs.
 * @throws IMAGE_NOT_FOUND, IMAGE_INVALID, DIGEST_MISMATCH
 */
export async function readClusterImage(
  source: ContentSource,
  reference: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<ClusterImage> {
  const root = await source.resolve(reference, options);
  const reader = new Reader(source, reference, options.signal);
  const index = isIndex(root.mediaType) ? await reader.json<Index>(root) : undefined;
  const entries = index?.manifests ?? [root];
  const rootfs = await reader.rootfs(entries.filter(isRootfs));
  const first = rootfs[0];
  if (!first) throw reader.invalid("it has no rootfs: none of its manifests is for a platform");
  const extension = parseExtension(first.manifest.annotations?.[annotations.extension]);
  return {
    name: reference,
    root,
    index,
    kind: extension && extension.type !== "app-installer" ? "kubernetes" : "application",
    created: first.config.created,
    labels: { ...first.config.config?.Labels, ...extension?.labels },
    env: { ...extension?.env },
    cmd: commandsOf(extension),
    apps: extension?.applications ?? [],
    platforms: rootfs.map(({ manifest: _, ...platform }) => ({ ...platform, manifest: platform.descriptor })),
    embedded: await reader.embedded(
      entries.filter(({ annotations: a }) => a?.[annotations.role] === roles.embedded),
    ),
    indexes: await reader.indexes(
      entries.filter(({ annotations: a }) => a?.[annotations.role] === roles.indexes),
    ),
    unresolved: parseJsonList(first.manifest.annotations?.[annotations.unresolved]),
  };
}

/** Entries for an unknown platform are for none: embedded images, and the attestations of other builders. */
function isRootfs({ mediaType, platform, annotations: a }: Descriptor): boolean {
  return isManifest(mediaType) && a?.[annotations.role] === undefined && platform?.os !== "unknown";
}

/** Sealer 0.9 keeps the names of what LAUNCH starts, and its commands with the applications. */
function commandsOf(extension: Extension | undefined): string[] {
  const { cmds = [], app_names: names = [] } = extension?.launch ?? {};
  if (cmds.length > 0) return [...cmds];
  return names.flatMap((name) => {
    const app = extension?.applications?.find((candidate) => candidate.name === name);
    return (app && launchCommand(app)) ?? [];
  });
}

class Reader {
  readonly #source: ContentSource;
  readonly #reference: string;
  readonly #signal: AbortSignal | undefined;

  constructor(source: ContentSource, reference: string, signal: AbortSignal | undefined) {
    this.#source = source;
    this.#reference = reference;
    this.#signal = signal;
  }

  rootfs(entries: readonly Descriptor[]) {
    return this.#thoseHere(entries, async (descriptor) => {
      const manifest = await this.json<Manifest>(descriptor);
      const config = await this.json<ImageConfig>(manifest.config);
      const layers = this.#layers(manifest, config);
      const { os, architecture, variant } = descriptor.platform ?? config;
      if (!os || !architecture) throw this.invalid("its configuration names no platform");
      const platform = { architecture, os, ...(variant ? { variant } : {}) };
      return { platform, descriptor, manifest, config, layers };
    });
  }

  /** History entries and layers meet one to one, but for entries that made no layer. */
  #layers(manifest: Manifest, config: ImageConfig): RootfsLayer[] {
    const diffIds = config.rootfs?.diff_ids;
    if (!Array.isArray(diffIds) || diffIds.length !== manifest.layers.length) {
      throw this.invalid("its configuration and its manifest do not name the same layers");
    }
    const history = (config.history ?? []).filter((entry) => !entry.empty_layer);
    return manifest.layers.map(({ digest, size, mediaType }, position) => ({
      id: hexOf(diffIds[position]!),
      digest,
      size,
      mediaType,
      createdBy: history[position]?.created_by ?? "",
    }));
  }

  embedded(entries: readonly Descriptor[]): Promise<EmbeddedImage[]> {
    return this.#thoseHere(entries, async (entry) => {
      const { config, layers } = await this.json<Manifest>(entry);
      const noted = entry.annotations ?? {};
      return {
        reference: noted[annotations.referenceName] ?? entry.digest,
        platform: parsePlatform(noted[annotations.platform] ?? "unknown"),
        descriptor: entry,
        size: [config, ...layers].reduce((sum, { size }) => sum + size, entry.size),
        wantedBy: parseJsonList(noted[annotations.wantedBy]),
      };
    });
  }

  /** An image that was pulled for some platforms has an index that names the others, too. */
  async #thoseHere<Result>(
    entries: readonly Descriptor[],
    read: (entry: Descriptor) => Promise<Result>,
  ): Promise<Result[]> {
    const results = await mapLimited(entries, 4, (entry) =>
      read(entry).catch((error: unknown) => {
        const isElsewhere = error instanceof SealerError && error.code === "IMAGE_NOT_FOUND";
        if (isElsewhere && entries.length > 1) return undefined;
        throw error;
      }),
    );
    return results.filter((result) => result !== undefined);
  }

  async indexes(entries: readonly Descriptor[]): Promise<Descriptor[]> {
    const documents = await mapLimited(entries, 4, (entry) => this.json<Manifest>(entry));
    return documents
      .flatMap(({ layers }) => layers)
      .map((layer) => ({
        ...layer,
        mediaType: layer.annotations?.[annotations.mediaType] ?? layer.mediaType,
      }));
  }

  async json<Document>(descriptor: Descriptor): Promise<Document> {
    const bytes = await readDocument(this.#source, descriptor, { signal: this.#signal });
    try {
      return JSON.parse(bytes.toString()) as Document;
    } catch (cause) {
      throw this.invalid(`${descriptor.digest} in it is not JSON`, cause);
    }
  }

  invalid(why: string, cause?: unknown): SealerError {
    return new SealerError("IMAGE_INVALID", `${this.#reference} is not a ClusterImage: ${why}`, { cause });
  }
}

function parseJsonList<Item>(text: string | undefined): Item[] {
  if (text === undefined) return [];
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}

/** The image's rootfs for a platform. @throws PLATFORM_NOT_FOUND, naming those that there are */
export function rootfsFor(
  { name, platforms }: ClusterImage,
  matches: (platform: RootfsOfPlatform["platform"]) => boolean,
  wanted: string,
): RootfsOfPlatform {
  const found = platforms.find(({ platform }) => matches(platform));
  if (found) return found;
  throw new SealerError("PLATFORM_NOT_FOUND", `${name} has no rootfs for ${wanted}`, {
    hint: `It has ${platforms.map(({ platform }) => formatPlatform(platform)).join(", ")}.`,
  });
}
