import { randomBytes } from "node:crypto";
import { mkdir, open, readFile, unlink } from "node:fs/promises";
import { basename, join } from "node:path";
import { Readable } from "node:stream";
import { SealerError } from "#errors";
import { makeDirectory, writeFileAtomic } from "#files";
import { algorithmOf, type Descriptor, type Digest, isDigest, isManifest, mediaTypes } from "#oci";
import { abortable } from "./abortable.ts";
import { BlobFolder, blobMissing } from "./blob-folder.ts";
import { isNonDistributable, parseChildren } from "./children.ts";
import type { ContentSink, ContentSource } from "./content.ts";
import {
  emptyIndex,
  encodeLayoutIndex,
  imageNotFound,
  type LayoutIndex,
  named,
  namesIn,
  parseLayoutIndex,
  withDigest,
  withName,
} from "./layout-index.ts";
import { readDocument } from "./read-document.ts";
import { receiveNew } from "./receive.ts";
import { digestMismatch, sizeMismatch } from "./verified.ts";

type WaitOptions = { readonly signal?: AbortSignal | undefined };

/** A folder in the form of OCI's image layout (image-spec, image-layout.md). One process may write to it at a time. */
export class OciLayout implements ContentSource, ContentSink {
  readonly folder: string;
  readonly blobs: BlobFolder;
  readonly #temporary: string;

  private constructor(folder: string, temporary: string) {
    this.folder = folder;
    this.blobs = new BlobFolder(folder);
    this.#temporary = temporary;
  }

  /** @throws IMAGE_INVALID when the folder is no image layout */
  static async open(folder: string): Promise<OciLayout> {
    const layout = new OciLayout(folder, folder);
    await checkVersion(folder);
    await layout.readIndex();
    return layout;
  }

  /** Opens a layout, or makes an empty one. `temporary`: where blobs are on their way in, on the same file system. */
  static async create(folder: string, temporary = folder): Promise<OciLayout> {
    await makeDirectory(join(folder, "blobs", "sha256"));
    await mkdir(temporary, { recursive: true });
    await writeIfMissing(join(folder, "index.json"), encodeLayoutIndex(emptyIndex));
    await writeIfMissing(join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
    await checkVersion(folder);
    return new OciLayout(folder, temporary);
  }

  /** By its name there, or by its digest. */
  async resolve(reference: string): Promise<Descriptor> {
    const index = await this.readIndex();
    const found = named(index, reference);
    if (found) return found;
    if (isDigest(reference)) {
      const content = withDigest(index, reference) ?? (await this.#describe(reference));
      if (content) return content;
    }
    throw imageNotFound(index, reference, this.folder);
  }

  open(
    content: Descriptor,
    {
      offset,
      signal,
    }: { readonly offset?: number | undefined; readonly signal?: AbortSignal | undefined } = {},
  ): Promise<Readable> {
    return this.blobs.open(content, offset, signal);
  }

  async has(content: Descriptor): Promise<boolean> {
    if ((await this.blobs.sizeOf(content.digest)) !== content.size) return false;
    if (!isManifest(content.mediaType)) return true;
    for (const child of parseChildren(content, await readDocument(this, content))) {
      if (isNonDistributable(child)) continue;
      if ((await this.blobs.sizeOf(child.digest)) !== child.size) return false;
    }
    return true;
  }

  async write(content: Descriptor, bytes: Readable, { signal }: WaitOptions = {}): Promise<void> {
    const { file, digest, size } = await this.#receive(abortable(bytes, signal), content);
    if (size === content.size && digest === content.digest) return this.blobs.commit(file, digest);
    await unlink(file);
    throw size === content.size ? digestMismatch(content.digest, digest) : sizeMismatch(content, size);
  }

  async add(
    mediaType: string,
    bytes: Readable | Uint8Array,
    { signal }: WaitOptions = {},
  ): Promise<Descriptor> {
    const stream = bytes instanceof Uint8Array ? Readable.from([bytes]) : bytes;
    const { file, digest, size } = await this.#receive(abortable(stream, signal));
    await this.blobs.commit(file, digest);
    return { mediaType, digest, size };
  }

  async tag(reference: string, content: Descriptor): Promise<void> {
    if ((await this.blobs.sizeOf(content.digest)) === undefined)
      throw blobMissing(content.digest, this.folder);
    await this.changeIndex((index) => withName(index, reference, content));
  }

  async names(): Promise<{ name: string; descriptor: Descriptor }[]> {
    return namesIn(await this.readIndex());
  }

  async readIndex(): Promise<LayoutIndex> {
    const path = join(this.folder, "index.json");
    return parseLayoutIndex(await readPart(path, this.folder), path);
  }

  async changeIndex(change: (index: LayoutIndex) => LayoutIndex): Promise<void> {
    const index = change(await this.readIndex());
    await writeFileAtomic(join(this.folder, "index.json"), encodeLayoutIndex(index));
  }

  async #receive(bytes: Readable, { digest, size }: Partial<Descriptor> = {}) {
    const file = join(this.#temporary, `${randomBytes(8).toString("hex")}.tmp`);
    const limited = size === undefined ? bytes : upTo(bytes, size + 1);
    return { file, ...(await receiveNew(file, limited, digest && algorithmOf(digest))) };
  }

  /** Of a document that no name stands for; undefined where it is none, or not here. */
  async #describe(digest: Digest): Promise<Descriptor | undefined> {
    const size = await this.blobs.sizeOf(digest);
    if (size === undefined) return undefined;
    const document = await readDocument(this, { mediaType: "", digest, size });
    const fields = parseObject(document);
    const guess = fields?.manifests
      ? mediaTypes.ociIndex
      : fields?.layers
        ? mediaTypes.ociManifest
        : undefined;
    const mediaType = typeof fields?.mediaType === "string" ? fields.mediaType : guess;
    return mediaType === undefined ? undefined : { mediaType, digest, size };
  }
}

async function* upTo(bytes: AsyncIterable<Uint8Array>, most: number): AsyncGenerator<Uint8Array> {
  let passed = 0;
  for await (const chunk of bytes) {
    yield chunk;
    passed += chunk.length;
    if (passed >= most) return;
  }
}

function parseObject(document: Buffer): Record<string, unknown> | undefined {
  try {
    return Object(JSON.parse(document.toString()));
  } catch {
    return undefined;
  }
}

async function writeIfMissing(path: string, data: string | Uint8Array): Promise<void> {
  const there = await open(path).catch(() => undefined);
  if (there) return there.close();
  await writeFileAtomic(path, data);
}

async function checkVersion(folder: string): Promise<void> {
  const text = await readPart(join(folder, "oci-layout"), folder);
  const version: unknown = parseObject(Buffer.from(text))?.imageLayoutVersion;
  if (typeof version === "string" && version.startsWith("1.")) return;
  throw notALayout(folder, `its version is ${String(version)}`);
}

async function readPart(path: string, folder: string): Promise<string> {
  return readFile(path, "utf8").catch((cause) => {
    if (cause.code === "ENOENT") throw notALayout(folder, `it has no ${basename(path)}`);
    throw notALayout(folder, `its ${basename(path)} cannot be read`, cause);
  });
}

function notALayout(folder: string, why: string, cause?: unknown): SealerError {
  return new SealerError("IMAGE_INVALID", `${folder} is not an OCI image layout: ${why}`, {
    where: folder,
    hint: "Such a folder has the files oci-layout and index.json and the folder blobs.",
    cause,
  });
}
