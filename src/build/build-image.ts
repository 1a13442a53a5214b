import { join } from "node:path";
import {
  type ClusterImage,
  type ClusterImageParts,
  composeClusterImage,
  readClusterImage,
} from "#cluster-image";
import { parseKubefile } from "#kubefile";
import { BuildFolder } from "./build-folder.ts";
import type { BuildOptions } from "./build-options.ts";
import type { EmbeddedImages } from "./embed-images.ts";
import { PlatformBuild } from "./platform-build.ts";

/**
 * Builds a ClusterImage from a Kubefile and names it in the store. Nothing is named unless everything succeeded.
 * @throws KUBEFILE_INVALID, RUN_FAILED, IMAGE_NOT_FOUND, PLATFORM_NOT_FOUND, IMAGE_LIST_INVALID, YAML_INVALID
 */
export async function buildImage(options: BuildOptions): Promise<ClusterImage> {
  const { kubefile, store, tag, signal } = options;
  const instructions = parseKubefile(kubefile.text, kubefile);
  using folder = new BuildFolder(options.context, ignoreNames(kubefile.file));
  const rootfs = [];
  const parts: EmbeddedImages[] = [];
  for (const platform of options.platforms) {
    const built = await new PlatformBuild(options, instructions, folder, platform).run();
    rootfs.push(built.rootfs);
    parts.push(built.images);
  }
  const composed: ClusterImageParts = {
    platforms: rootfs,
    embedded: parts.flatMap(({ embedded }) => embedded),
    indexes: distinct(parts.flatMap(({ indexes }) => indexes)),
  };
  const root = await composeClusterImage(composed, store, { signal });
  await store.tag(tag, root, { signal });
  return { ...(await readClusterImage(store, root.digest, { signal })), name: tag };
}

function ignoreNames(kubefile: string): string[] {
  const name = kubefile.slice(kubefile.lastIndexOf("/") + 1);
  return [`${name}.dockerignore`, ".dockerignore", ".containerignore"];
}

function distinct(indexes: ClusterImageParts["indexes"]): ClusterImageParts["indexes"] {
  return [...new Map(indexes.map((one) => [`${one.reference} ${one.descriptor.digest}`, one])).values()];
}

/** Where a cache of instructions is, below sealer's root folder. */
export function buildCacheIn(root: string): string {
  return join(root, "cache", "build");
}
