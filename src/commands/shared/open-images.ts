import { join } from "node:path";
import type { Context } from "#cli";
import { readClusterImage, unpackRootfs } from "#cluster-image";
import { copyImage, ImageStore } from "#content";
import { SealerError } from "#errors";
import {
  type Descriptor,
  formatReference,
  type Platform,
  parsePlatform,
  parseReference,
  platformMatches,
} from "#oci";
import { openForReading } from "./open-registry.ts";
import { platformFilter } from "./platform-filter.ts";
import { type Config, readConfig } from "./read-config.ts";

/** This machine's ClusterImages, and the way to those of registries. */
export interface Images {
  readonly store: ImageStore;
  readonly overlayDir: string;
  readonly config: Config;
  /** The name under which an image is in the store, if it is: as typed, or the same one fully qualified. */
  findName(typed: string): Promise<string | undefined>;
  /** The same. @throws IMAGE_NOT_FOUND with the nearest names */
  nameOf(typed: string): Promise<string>;
  /** Copies an image from its registry into the store, and unpacks its rootfs for this machine. */
  pull(typed: string, platforms?: readonly Platform[]): Promise<Descriptor>;
  unpack(name: string): Promise<void>;
}

/** The platform that this machine runs. */
export const ownPlatform: Platform = parsePlatform(process.arch === "x64" ? "amd64" : process.arch);

export async function openImages(context: Context): Promise<Images> {
  const { root, home, progress, signal } = context;
  const store = await ImageStore.open(root);
  const config = await readConfig(home);
  const overlayDir = join(root, "data", "overlay2");
  const fullName = (name: string) => formatReference(parseReference(name, config.defaults));

  const images: Images = {
    store,
    overlayDir,
    config,
    async findName(typed) {
      const wanted = fullName(typed);
      const names = (await store.names()).map(({ name }) => name);
      return (
        names.find((name) => name === withTag(typed)) ?? names.find((name) => isSame(name, wanted, fullName))
      );
    },
    async nameOf(typed) {
      const name = await images.findName(typed);
      if (name !== undefined) return name;
      await store.resolve(typed);
      return typed;
    },
    async pull(typed, platforms = []) {
      const reference = parseReference(typed, config.defaults);
      const source = await openForReading(reference, config, context);
      const wanted = reference.digest ?? reference.tag ?? "latest";
      const named = {
        resolve: (_: string, options?: object) => source.resolve(wanted, options),
        open: source.open.bind(source),
      };
      const descriptor = await copyImage(withTag(typed), named, store, {
        progress,
        signal,
        ...(platforms.length > 0 ? { platforms: platformFilter(platforms) } : {}),
      });
      await images.unpack(withTag(typed));
      return descriptor;
    },
    async unpack(name) {
      const image = await readClusterImage(store, name, { signal });
      const rootfs = image.platforms.find(({ platform }) => platformMatches(ownPlatform, platform));
      if (rootfs) await unpackRootfs(store, rootfs.layers, overlayDir, { progress, signal });
    },
  };
  return images;
}

/** Names are kept as typed, with `:latest` where there was no tag. */
export function withTag(name: string): string {
  return /[:@]/.test(name.slice(name.lastIndexOf("/") + 1)) ? name : `${name}:latest`;
}

function isSame(name: string, wanted: string, fullName: (name: string) => string): boolean {
  try {
    return fullName(name) === wanted;
  } catch (error) {
    if (error instanceof SealerError) return false;
    throw error;
  }
}
