import { Readable, Transform } from "node:stream";
import { mapLimited, retry } from "#concurrency";
import { SealerError } from "#errors";
import { type Descriptor, hexOf, isIndex, isManifest } from "#oci";
import { noProgress, type Progress } from "#progress";
import type { ContentMounter, ContentResumer, ContentSource, ContentTarget } from "./content.ts";
import { type Document, planCopy } from "./plan-copy.ts";
import { RegistryError } from "./registry/registry-error.ts";

export interface CopyOptions {
  /** What the image is called at the target, if not as at the source. */
  readonly targetReference?: string;
  readonly progress?: Progress;
  /** The task that this one belongs under. */
  readonly parent?: string;
  readonly signal?: AbortSignal | undefined;
  /** Blobs at a time. */
  readonly concurrency?: number;
  /** Which entries of indexes to copy. The indexes themselves stay as they are, so that their digests stay, too. */
  readonly platforms?: (entry: Descriptor) => boolean;
  /** Repositories of the target's registry that may have some of the blobs. */
  readonly mountFrom?: readonly string[];
}

type Target = ContentTarget & Partial<ContentMounter & ContentResumer>;

/**
 * Copies an image and tags it: what the target has is skipped, and an interrupted copy goes on where it stopped.
 * Pull, push, save and load are this function with other ends.
 */
export async function copyImage(
  reference: string,
  source: ContentSource,
  target: Target,
  options: CopyOptions = {},
): Promise<Descriptor> {
  const { targetReference = reference, progress = noProgress, signal, concurrency = 4, parent } = options;
  const id = `copy ${reference} as ${targetReference}`;
  progress({
    type: "task-started",
    id,
    title: `copy ${reference}`,
    ...(parent === undefined ? {} : { parent }),
  });
  try {
    const root = await source.resolve(reference, { signal });
    mustBeImage(reference, root);
    const entries = options.platforms ?? (() => true);
    const { blobs, manifests, indexes } = await planCopy(root, source, target, {
      concurrency,
      signal,
      entries,
    });
    await mapLimited(
      blobs,
      concurrency,
      (blob, stop) => copyBlob(blob, source, target, { ...options, progress, signal: stop, parent: id }),
      { signal },
    );
    const write = (document: Document, stop: AbortSignal) => writeDocument(document, target, stop);
    await mapLimited(manifests, concurrency, write, { signal });
    await mapLimited(indexes, 1, write, { signal });
    await target.tag(targetReference, root, { signal });
    progress({ type: "task-finished", id, outcome: "done" });
    return root;
  } catch (error) {
    progress({ type: "task-failed", id, message: messageOf(error) });
    throw error;
  }
}

async function copyBlob(
  blob: Descriptor,
  source: ContentSource,
  target: Target,
  options: CopyOptions & { readonly progress: Progress; readonly parent: string },
): Promise<void> {
  const { progress, signal, parent } = options;
  const id = `${parent}: ${blob.digest}`;
  progress({
    type: "task-started",
    id,
    title: `copy blob ${hexOf(blob.digest).slice(0, 12)}`,
    parent,
    bytes: blob.size,
  });
  try {
    if (await target.has(blob, { signal })) {
      progress({ type: "task-finished", id, outcome: "skipped", note: "already there" });
    } else if (await mountFromAny(blob, target, options.mountFrom ?? [])) {
      progress({ type: "task-finished", id, outcome: "skipped", note: "mounted from another repository" });
    } else {
      await sendBlob(blob, source, target, signal, (bytes) => progress({ type: "task-advanced", id, bytes }));
      progress({ type: "task-finished", id, outcome: "done" });
    }
  } catch (error) {
    progress({ type: "task-failed", id, message: messageOf(error) });
    throw error;
  }
}

async function mountFromAny(
  blob: Descriptor,
  target: Target,
  repositories: readonly string[],
): Promise<boolean> {
  for (const repository of repositories) {
    if (await target.mount?.(blob, repository)) return true;
  }
  return false;
}

async function sendBlob(
  blob: Descriptor,
  source: ContentSource,
  target: Target,
  signal: AbortSignal | undefined,
  onBytes: (bytes: number) => void,
): Promise<void> {
  let resumedAt = 0;
  await retry(
    async () => {
      resumedAt = (await target.offsetOf?.(blob.digest)) ?? 0;
      const bytes = await source.open(blob, { offset: resumedAt, signal });
      await target.write(blob, counted(bytes, resumedAt, onBytes), { offset: resumedAt, signal });
    },
    {
      attempts: 5,
      delay: 500,
      signal,
      worthRetrying(error) {
        if (error instanceof RegistryError) return error.transient;
        const staleStart = resumedAt > 0 && error instanceof SealerError && error.code === "DIGEST_MISMATCH";
        return staleStart ? 0 : false;
      },
    },
  );
}

/** Tells the bytes that have passed, about once a megabyte. */
function counted(bytes: Readable, offset: number, onBytes: (bytes: number) => void): Readable {
  let passed = offset;
  let told = offset;
  const count = new Transform({
    readableHighWaterMark: 1 << 20,
    writableHighWaterMark: 1 << 20,
    transform(chunk: Buffer, _, done) {
      passed += chunk.length;
      if (passed - told >= 1 << 20) {
        told = passed;
        onBytes(passed);
      }
      done(null, chunk);
    },
    flush(done) {
      if (passed > told) onBytes(passed);
      done();
    },
  });
  bytes.once("error", (error) => count.destroy(error));
  count.once("close", () => bytes.destroy());
  return bytes.pipe(count);
}

async function writeDocument(
  { content, bytes }: Document,
  target: Target,
  signal: AbortSignal,
): Promise<void> {
  if (isIndex(content.mediaType) && (await target.has(content, { signal }))) return;
  await target.write(content, Readable.from([bytes]), { signal });
}

function mustBeImage(reference: string, { mediaType }: Descriptor): void {
  if (isManifest(mediaType) || isIndex(mediaType)) return;
  const isSchema1 = mediaType.includes("manifest.v1");
  throw new SealerError("IMAGE_INVALID", `${reference} is not an image: it is ${mediaType}`, {
    hint: isSchema1
      ? "Docker's image format of before 2016 is not read; push the image again with a newer Docker."
      : "Name an image, not a part of one.",
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
