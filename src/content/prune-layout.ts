import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { SealerError } from "#errors";
import { type Descriptor, type Digest, isDigest, isIndex, isManifest } from "#oci";
import { parseChildren } from "./children.ts";
import type { OciLayout } from "./oci-layout.ts";
import { readDocument } from "./read-document.ts";

export interface Pruned {
  readonly blobs: number;
  readonly bytes: number;
}

const day = 24 * 3600 * 1000;

/** Drops what nothing needs. The caller makes sure that nobody writes meanwhile. */
export async function pruneLayout(
  layout: OciLayout,
  ingest: string,
  { keep, dryRun = false }: { readonly keep: readonly Digest[]; readonly dryRun?: boolean },
): Promise<Pruned> {
  const needed = await markNeeded(layout, keep);
  const dropped = [...(await unneededBlobs(layout, needed)), ...(await oldPartials(ingest))];
  if (!dryRun) for (const { path } of dropped) await rm(path, { force: true });
  return { blobs: dropped.length, bytes: dropped.reduce((sum, { size }) => sum + size, 0) };
}

async function markNeeded(layout: OciLayout, keep: readonly Digest[]): Promise<Set<Digest>> {
  const kept = await Promise.all(keep.map((digest) => layout.resolve(digest).catch(() => blob(digest))));
  const queue: Descriptor[] = [...(await layout.names()).map(({ descriptor }) => descriptor), ...kept];
  const needed = new Set<Digest>();
  for (let content = queue.pop(); content; content = queue.pop()) {
    if (needed.has(content.digest)) continue;
    needed.add(content.digest);
    const isDocument = isManifest(content.mediaType) || isIndex(content.mediaType);
    const isHere = (await layout.blobs.sizeOf(content.digest)) !== undefined;
    if (isDocument && isHere) queue.push(...(await childrenIn(layout, content)));
  }
  return needed;
}

/** What a damaged document needs cannot be known: then nothing may go. */
async function childrenIn(layout: OciLayout, content: Descriptor): Promise<readonly Descriptor[]> {
  try {
    return parseChildren(content, await readDocument(layout, content));
  } catch (cause) {
    const path = layout.blobs.pathOf(content.digest);
    throw new SealerError("STORE_CORRUPT", `${path} is damaged, so nothing is dropped`, {
      where: path,
      hint: "Pull, load or build the image again, or remove its name with sealer rmi; then prune.",
      cause,
    });
  }
}

async function unneededBlobs(layout: OciLayout, needed: ReadonlySet<Digest>) {
  const found: { path: string; size: number }[] = [];
  const blobs = join(layout.folder, "blobs");
  for (const algorithm of await readdir(blobs)) {
    for (const hex of await readdir(join(blobs, algorithm))) {
      const digest = `${algorithm}:${hex}`;
      if (!isDigest(digest) || needed.has(digest)) continue;
      const path = layout.blobs.pathOf(digest);
      found.push({ path, size: (await stat(path)).size });
    }
  }
  return found;
}

/** A younger one may belong to a pull that the user is about to repeat. */
async function oldPartials(ingest: string) {
  const found: { path: string; size: number }[] = [];
  for (const name of await readdir(ingest)) {
    if (!isDigest(name.replace("-", ":"))) continue;
    const path = join(ingest, name);
    const { size, mtimeMs } = await stat(path);
    if (Date.now() - mtimeMs > day) found.push({ path, size });
  }
  return found;
}

function blob(digest: Digest): Descriptor {
  return { mediaType: "", digest, size: 0 };
}
