import type { Descriptor, Digest, ImageConfig, Index, Platform } from "#oci";
import type { Application } from "./extension.ts";

/** A ClusterImage as its documents tell it; nothing of its layers has been read. */
export interface ClusterImage {
  readonly name: string;
  readonly root: Descriptor;
  /** Undefined for an image of one plain manifest, as Sealer 0.9 makes them. */
  readonly index: Index | undefined;
  /** `application` for an image that contains no Kubernetes. */
  readonly kind: "kubernetes" | "application";
  readonly created: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  /** Shell commands for the first master, the base's first. */
  readonly cmd: readonly string[];
  readonly apps: readonly Application[];
  readonly platforms: readonly RootfsOfPlatform[];
  readonly embedded: readonly EmbeddedImage[];
  /** Index documents that embedded images came with; media types are the documents' own. */
  readonly indexes: readonly Descriptor[];
  readonly unresolved: readonly UnresolvedImage[];
}

export interface RootfsOfPlatform {
  readonly platform: Platform;
  readonly manifest: Descriptor;
  readonly config: ImageConfig;
  /** The lowest first. */
  readonly layers: readonly RootfsLayer[];
}

export interface RootfsLayer {
  /** The diff id's hex: the name of the layer's folder. */
  readonly id: string;
  readonly digest: Digest;
  /** Compressed. */
  readonly size: number;
  readonly mediaType: string;
  readonly createdBy: string;
}

export interface EmbeddedImage {
  /** Fully qualified: `docker.io/library/nginx:1.25`. */
  readonly reference: string;
  readonly platform: Platform;
  readonly descriptor: Descriptor;
  /** Of manifest, configuration and layers, in bytes. */
  readonly size: number;
  readonly wantedBy: readonly WantedBy[];
}

/** A place that names an image; `file` is relative to the rootfs. */
export interface WantedBy {
  readonly file: string;
  readonly line: number;
}

/** A place that wants an image which nobody can tell before the cluster runs. */
export interface UnresolvedImage extends WantedBy {
  readonly text: string;
  readonly why: string;
}
