import type { Readable } from "node:stream";
import type { Descriptor, Digest } from "#oci";

/** Where images can be read from: the store, a registry, an OCI layout, an archive. */
export interface ContentSource {
  /** The root document that a name stands for. @throws IMAGE_NOT_FOUND */
  resolve(reference: string, options?: { readonly signal?: AbortSignal | undefined }): Promise<Descriptor>;
  /** The bytes of `content` from `offset` on. Whoever reads them to the end checks them: see `verified`. */
  open(
    content: Descriptor,
    options?: { readonly offset?: number | undefined; readonly signal?: AbortSignal | undefined },
  ): Promise<Readable>;
}

/** Where images can be written to. */
export interface ContentTarget {
  /** Whether `content` is here whole. Places on disk look for what a manifest names, too. */
  has(content: Descriptor, options?: { readonly signal?: AbortSignal | undefined }): Promise<boolean>;
  /**
   * Takes bytes that must hash to the descriptor's digest and be of its size; otherwise nothing is kept. With
   * `offset`, which `offsetOf` has given, they are the bytes from there on.
   * @throws DIGEST_MISMATCH
   */
  write(
    content: Descriptor,
    bytes: Readable,
    options?: { readonly offset?: number | undefined; readonly signal?: AbortSignal | undefined },
  ): Promise<void>;
  /** Lets `reference` stand for `content`, whose children are all there already. */
  tag(
    reference: string,
    content: Descriptor,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<void>;
}

/** A target that also takes bytes whose digest nobody knows before they have passed. */
export interface ContentSink extends ContentTarget {
  add(
    mediaType: string,
    bytes: Readable | Uint8Array,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<Descriptor>;
}

/** Optional on targets: take a blob from another repository of the same place without sending it. */
export interface ContentMounter {
  mount(content: Descriptor, from: string): Promise<boolean>;
}

/** Optional on targets: how much of an interrupted `write` is there already, so that the source starts at it. */
export interface ContentResumer {
  offsetOf(digest: Digest): Promise<number>;
}
