/** Annotations that make an OCI index a ClusterImage. */
export const annotations = {
  /** The image's name, fully qualified: OCI's own, on entries of embedded images. */
  referenceName: "org.opencontainers.image.ref.name",
  /** What an entry of the index is, where it is not a rootfs: see `roles`. */
  role: "io.sealer.role",
  /** The platform of an embedded image, whose descriptor says unknown/unknown so that nobody runs it. */
  platform: "io.sealer.platform",
  /** JSON `[{file, line}]`: who asks for an embedded image. */
  wantedBy: "io.sealer.wanted-by",
  /** JSON `[{file, line, text, why}]` on the manifest of a rootfs: images that could not be told. */
  unresolved: "io.sealer.unresolved",
  /** The media type of a document that is kept as a layer. */
  mediaType: "io.sealer.media-type",
  /** What Sealer 0.9 keeps on the manifest of a rootfs: see `Extension`. */
  extension: "sealer.image.extension",
} as const;

export const roles = { embedded: "embedded", indexes: "indexes" } as const;

/** How indexes are kept as layers: under a type that nobody follows, since most of what they name is not there. */
export const indexDocumentType = "application/vnd.io.sealer.index-document.v1+json";
