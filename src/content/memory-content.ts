import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { SealerError } from "#errors";
import { type Descriptor, type Digest, digestOf, isDigest, isManifest } from "#oci";
import { abortable } from "./abortable.ts";
import { isNonDistributable, parseChildren } from "./children.ts";
import type { ContentSink, ContentSource } from "./content.ts";
import { verified } from "./verified.ts";

/** Content held in memory: for tests, and for documents on their way. */
export class MemoryContent implements ContentSource, ContentSink {
  readonly #bytes = new Map<Digest, { readonly mediaType: string; readonly bytes: Buffer }>();
  readonly #tags = new Map<string, Descriptor>();

  async resolve(reference: string): Promise<Descriptor> {
    const tagged = this.#tags.get(reference);
    if (tagged) return tagged;
    const held = isDigest(reference) ? this.#bytes.get(reference) : undefined;
    if (!held) throw new SealerError("IMAGE_NOT_FOUND", `nothing is named ${reference}`);
    return { mediaType: held.mediaType, digest: reference as Digest, size: held.bytes.length };
  }

  async open({ digest }: Descriptor, { offset = 0 }: { readonly offset?: number | undefined } = {}) {
    const held = this.#bytes.get(digest);
    if (!held) throw new SealerError("IMAGE_NOT_FOUND", `${digest} is not here`);
    return Readable.from([held.bytes.subarray(offset)]);
  }

  async has(content: Descriptor): Promise<boolean> {
    const held = this.#bytes.get(content.digest);
    if (held?.bytes.length !== content.size) return false;
    if (!isManifest(content.mediaType)) return true;
    return parseChildren(content, held.bytes).every(
      (child) => this.#bytes.has(child.digest) || isNonDistributable(child),
    );
  }

  async write(
    content: Descriptor,
    bytes: Readable,
    { signal }: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<void> {
    this.#bytes.set(content.digest, {
      mediaType: content.mediaType,
      bytes: await buffer(verified(abortable(bytes, signal), content)),
    });
  }

  async add(mediaType: string, bytes: Readable | Uint8Array): Promise<Descriptor> {
    const whole = bytes instanceof Uint8Array ? Buffer.from(bytes) : await buffer(bytes);
    const content = { mediaType, digest: digestOf(whole), size: whole.length };
    this.#bytes.set(content.digest, { mediaType, bytes: whole });
    return content;
  }

  async tag(reference: string, content: Descriptor): Promise<void> {
    this.#tags.set(reference, content);
  }
}
