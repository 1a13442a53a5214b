import type { ContentSource } from "#content";
import type { Descriptor, Platform, Reference } from "#oci";

/** A place where container images are looked for. */
export interface ImageFinder {
  /** The place as messages name it: `the archive images.tar`, `the registry docker.io`. */
  placeOf(reference: Reference): string;
  /** The image, or why it cannot be had from here. */
  find(
    reference: Reference,
    options: { readonly platform: Platform; readonly signal?: AbortSignal | undefined },
  ): Promise<FoundImage | { readonly why: string }>;
}

export interface FoundImage {
  readonly source: ContentSource;
  /** A manifest or an index. */
  readonly root: Descriptor;
  /** The manifest for the platform, where the place knows it without looking into `root`. */
  readonly manifest?: Descriptor;
}
