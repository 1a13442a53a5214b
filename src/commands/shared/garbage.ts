import { readdir, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { readClusterImage } from "#cluster-image";
import { SealerError } from "#errors";
import { acquireLock, type LockHolder, makeDirectory, treeSize } from "#files";
import { type Digest, isDigest } from "#oci";
import { type Images, layersLock } from "./open-images.ts";

export interface Garbage {
  readonly blobs: number;
  readonly layers: number;
  /** Of both. */
  readonly bytes: number;
}

/**
 * Drops what no name and no cluster needs: blobs of the store, unpacked layers, what crashed runs have left. With `dryRun` it
 * only counts. @throws STORE_LOCKED while another process builds, pulls or loads
 */
export async function dropGarbage(
  { store, overlayDir }: Images,
  home: string,
  options: { readonly dryRun: boolean },
): Promise<Garbage> {
  await makeDirectory(dirname(overlayDir), { mode: 0o700 });
  const lock = await acquireLock(layersLock(overlayDir), { wait: 2000, note: "prune" });
  if (lock.held) throw layersInUse(lock);
  await using _ = lock;
  const clusters = await imagesOfClusters(home);
  const keep = [...new Set(clusters.values())];
  const needed = await neededLayers(store, keep);
  const { blobs, bytes } = await store.prune({ keep, dryRun: options.dryRun });
  let layers = 0;
  let unpacked = 0;
  for (const name of await readdir(overlayDir).catch(() => [])) {
    if (needed.has(name)) continue;
    const path = join(overlayDir, name);
    layers++;
    unpacked += await treeSize(path);
    if (!options.dryRun) await rm(path, { recursive: true, force: true });
  }
  return { blobs, layers, bytes: bytes + unpacked };
}

function layersInUse({ by }: LockHolder): SealerError {
  const who = by.pid ? `process ${by.pid} on ${by.host} (since ${by.since})` : "another process";
  return new SealerError("STORE_LOCKED", `unpacked layers are in use by ${who}`, {
    hint: "Wait until it has ended and run the same command again.",
  });
}

/** The digests of the images that clusters run, by the clusters' names. */
export async function imagesOfClusters(home: string): Promise<Map<string, Digest>> {
  const digests = new Map<string, Digest>();
  for (const name of await readdir(home).catch(() => [])) {
    const text = await readFile(join(home, name, "state.json"), "utf8").catch(() => undefined);
    const digest = text === undefined ? undefined : digestIn(text);
    if (digest !== undefined) digests.set(name, digest);
  }
  return digests;
}

function digestIn(text: string): Digest | undefined {
  try {
    const { imageDigest } = JSON.parse(text) as { imageDigest?: unknown };
    return isDigest(imageDigest) ? imageDigest : undefined;
  } catch {
    return undefined;
  }
}

async function neededLayers(store: Images["store"], keep: readonly Digest[]): Promise<Set<string>> {
  const needed = new Set<string>();
  for (const reference of [...(await store.names()).map(({ name }) => name), ...keep]) {
    const image = await readClusterImage(store, reference).catch((error: unknown) => {
      if (error instanceof SealerError) return undefined;
      throw error;
    });
    for (const { layers } of image?.platforms ?? []) for (const { id } of layers) needed.add(id);
  }
  return needed;
}
