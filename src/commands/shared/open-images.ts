import { dirname, join } from "node:path";
import type { Context } from "#cli";
import { readClusterImage, unpackRootfs } from "#cluster-image";
import { copyImage, ImageStore } from "#content";
import { nearest, SealerError } from "#errors";
import { acquireLock, type Lock, type LockHolder, makeDirectory } from "#files";
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

/** This machine's ClusterImages, and the way to those of registries. Whoever opens them disposes of them. */
export interface Images extends AsyncDisposable {
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
  /** Until this is disposed of, nobody deletes unpacked layers: for whoever unpacks or reads them. */
  leaseLayers(): Promise<void>;
}

/** The platform that this machine runs. */
export const ownPlatform: Platform = parsePlatform(process.arch === "x64" ? "amd64" : process.arch);

export async function openImages(context: Context): Promise<Images> {
  const { root, home, progress, signal } = context;
  const store = await ImageStore.open(root);
  const config = await readConfig(home);
  const overlayDir = join(root, "data", "overlay2");
  let lease: Promise<Lock | LockHolder> | undefined;
  const fullName = (name: string) => formatReference(parseReference(name, config.defaults));

  const images: Images = {
    store,
    overlayDir,
    config,
    async findName(typed) {
      const wanted = fullName(typed);
      const { digest } = parseReference(typed, config.defaults);
      if (digest !== undefined && (await isHere(store, typed))) return typed;
      const names = (await store.names()).map(({ name }) => name);
      return (
        names.find((name) => name === withTag(typed)) ?? names.find((name) => isSame(name, wanted, fullName))
      );
    },
    async nameOf(typed) {
      const name = await images.findName(typed);
      if (name !== undefined) return name;
      throw notHere(
        typed,
        (await store.names()).map(({ name: one }) => one),
      );
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
      await images.leaseLayers();
      const rootfs = image.platforms.find(({ platform }) => platformMatches(ownPlatform, platform));
      if (rootfs) await unpackRootfs(store, rootfs.layers, overlayDir, { progress, signal });
    },
    async leaseLayers() {
      await makeDirectory(dirname(layersLock(overlayDir)), { mode: 0o700 });
      lease ??= acquireLock(layersLock(overlayDir), {
        shared: true,
        wait: true,
        note: "layers in use",
        signal,
      });
      await lease;
    },
    async [Symbol.asyncDispose]() {
      // Why there is no lease has been told to whoever asked for it.
      const held = await lease?.catch(() => undefined);
      if (held?.held === false) await held.release();
      await store.close();
    },
  };
  return images;
}

/** Held together by all who need unpacked layers, and alone by who deletes some. */
export function layersLock(overlayDir: string): string {
  return `${overlayDir}.lock`;
}

async function isHere(store: ImageStore, reference: string): Promise<boolean> {
  return store.resolve(reference).then(
    () => true,
    () => false,
  );
}

function notHere(typed: string, names: readonly string[]): SealerError {
  const meant = nearest(withTag(typed), names);
  const list =
    names.length > 0
      ? `There are ${names.slice(0, 10).join(", ")}.`
      : "sealer build, pull and load bring images.";
  return new SealerError("IMAGE_NOT_FOUND", `there is no image ${withTag(typed)} on this machine`, {
    hint: meant ? `Did you mean ${meant}?` : list,
  });
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
