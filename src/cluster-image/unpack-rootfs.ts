import { rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { type ContentSource, verified } from "#content";
import { applyLayer, decompress, freeSpace, makeDirectory, syncFileSystem, temporaryDirectory } from "#files";
import { noProgress, type Progress } from "#progress";
import type { RootfsLayer } from "./cluster-image.ts";

export interface UnpackOptions {
  readonly progress?: Progress;
  /** The task that these belong under. */
  readonly parent?: string;
  readonly signal?: AbortSignal | undefined;
  /** For layers that were made here: however well they compress, nobody has made them to harm this machine. */
  readonly isOwn?: boolean;
}

/**
 * Unpacks layers that are not unpacked yet, each to `<overlayDir>/<diff id's hex>`, and returns the folders in the
 * layers' order. A folder is there only when it is whole; deletions are kept as overlay writes them.
 * @throws DIGEST_MISMATCH where a layer is not what its manifest, or its configuration, says
 */
export async function unpackRootfs(
  source: ContentSource,
  layers: readonly RootfsLayer[],
  overlayDir: string,
  options: UnpackOptions = {},
): Promise<string[]> {
  await makeDirectory(overlayDir, { mode: 0o700 });
  const folders: string[] = [];
  for (const layer of layers) {
    const folder = join(overlayDir, layer.id);
    if (!(await isThere(folder))) await unpackLayer(source, layer, overlayDir, options);
    folders.push(folder);
  }
  return folders;
}

async function unpackLayer(
  source: ContentSource,
  layer: RootfsLayer,
  overlayDir: string,
  { progress = noProgress, parent, signal, isOwn = false }: UnpackOptions,
): Promise<void> {
  const id = `unpack ${layer.id}`;
  const title = `unpack ${layer.id.slice(0, 12)}`;
  progress({
    type: "task-started",
    id,
    title,
    ...(parent === undefined ? {} : { parent }),
    bytes: layer.size,
  });
  try {
    await using temporary = await temporaryDirectory(overlayDir, ".unpacking-");
    const root = join(temporary.path, "layer");
    const blob = await source.open(layer, { signal });
    const limits = {
      bytes: await freeSpace(overlayDir),
      ...(isOwn ? { ratio: Number.POSITIVE_INFINITY } : {}),
    };
    const passing = counted(verified(blob, layer), (bytes) => progress({ type: "task-advanced", id, bytes }));
    await applyLayer(decompress(passing, { where: layer.digest, limits }), root, {
      keepWhiteouts: "overlay",
      diffId: `sha256:${layer.id}`,
      signal,
    });
    await syncFileSystem(root);
    await moveInPlace(root, join(overlayDir, layer.id));
    progress({ type: "task-finished", id, outcome: "done" });
  } catch (error) {
    progress({ type: "task-failed", id, message: error instanceof Error ? error.message : String(error) });
    throw error;
  }
}

/** Another run may have unpacked the same layer meanwhile: then theirs stays. */
async function moveInPlace(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (["ENOTEMPTY", "EEXIST"].includes((error as NodeJS.ErrnoException).code ?? "")) return;
    throw error;
  }
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function* counted(bytes: AsyncIterable<Uint8Array>, onBytes: (bytes: number) => void) {
  let passed = 0;
  let told = 0;
  for await (const chunk of bytes) {
    passed += chunk.length;
    if (passed - told >= 4 << 20) {
      told = passed;
      onBytes(passed);
    }
    yield chunk;
  }
}
