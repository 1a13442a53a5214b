import { mkdirSync, rmSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { SealerError } from "#errors";
import { fsError, isFsError } from "./fs-error.ts";
import { hashing } from "./hashing.ts";
import { LayerWriter } from "./layer-writer.ts";
import { readTar, type TarLimits } from "./read-tar.ts";

export interface ApplyOptions {
  readonly limits?: TarLimits;
  readonly onWarning?: (message: string) => void;
  /**
   * "keep" (default) gives files the owners that the layer names, which needs root. "current" leaves them to this user,
   * and drops setuid and setgid bits of files, which would mean another owner.
   */
  readonly ownership?: "keep" | "current";
  /** "overlay" writes whiteouts as overlayfs reads them in a lower layer, and removes nothing. Needs root. */
  readonly keepWhiteouts?: "overlay";
  /** "create" allows devices and fifos, which are refused otherwise. Needs root. */
  readonly devices?: "create";
  /** `sha256:…` of the uncompressed layer: refused with DIGEST_MISMATCH where it differs. */
  readonly diffId?: string;
  readonly signal?: AbortSignal | undefined;
}

export interface AppliedLayer {
  /** Entries of all kinds. */
  readonly files: number;
  /** In files. */
  readonly bytes: number;
}

/**
 * Unpacks an uncompressed OCI layer onto the folder `root`, which is made (mode 0755) where it is missing. Entries are
 * placed as in a chroot: nothing outside `root` is read or written, whatever the names and links say. Whiteouts
 * remove what lower layers left, never what this layer brings. Extended attributes other than user.* are dropped.
 * On failure `root` is again as missing or empty as it was; one that held something may be left half changed. Nothing
 * is flushed to disk: see `syncFileSystem`.
 * @throws TAR_INVALID, PATH_UNSAFE, DIGEST_MISMATCH, DISK_FULL
 */
export async function applyLayer(
  tarBytes: AsyncIterable<Uint8Array>,
  root: string,
  options: ApplyOptions = {},
): Promise<AppliedLayer> {
  const undo = await prepare(root);
  try {
    return await unpack(tarBytes, root, options);
  } catch (error) {
    await undo().catch(() => {});
    throw fsError(error, "unpack a layer into", root);
  }
}

async function unpack(
  tarBytes: AsyncIterable<Uint8Array>,
  root: string,
  { limits, diffId, ...options }: ApplyOptions,
): Promise<AppliedLayer> {
  const hashed = diffId === undefined ? undefined : hashing(tarBytes);
  const writer = new LayerWriter(root, options);
  let files = 0;
  let bytes = 0;
  try {
    for await (const entry of readTar(hashed ?? tarBytes, limits)) {
      options.signal?.throwIfAborted();
      await writer.add(entry);
      files++;
      bytes += entry.size;
    }
    if (diffId !== hashed?.digest) throw otherLayer(diffId, hashed?.digest);
    writer.finish();
  } finally {
    writer.close();
  }
  return { files, bytes };
}

/** Makes the root where it is missing, and says how to go back to what was there. */
async function prepare(root: string): Promise<() => Promise<void>> {
  try {
    mkdirSync(root, 0o755);
    return () => rm(root, { recursive: true, force: true });
  } catch (error) {
    if (!isFsError(error, "EEXIST")) throw fsError(error, "make the folder", root);
  }
  const before = await readdir(root).catch((error: unknown) => {
    throw fsError(error, "unpack a layer into", root);
  });
  if (before.length > 0) return async () => {};
  return async () => {
    for (const name of await readdir(root)) rmSync(join(root, name), { recursive: true, force: true });
  };
}

function otherLayer(wanted: string | undefined, found: string | undefined): SealerError {
  return new SealerError("DIGEST_MISMATCH", `the layer unpacks to ${found}, but its image names ${wanted}`, {
    hint: "The image is damaged or was put together wrongly: pull it again, or build it again.",
  });
}
