export type { Descriptor } from "./descriptor.ts";
export {
  algorithmOf,
  type Digest,
  type DigestAlgorithm,
  digestFromHash,
  digestOf,
  hexOf,
  isDigest,
  parseDigest,
} from "./digest.ts";
export type { HistoryEntry, ImageConfig, Index, Manifest } from "./documents.ts";
export { encode, encodeImageConfig, encodeIndex, encodeManifest } from "./encode.ts";
export { isIndex, isManifest, mediaTypes } from "./media-types.ts";
export { formatPlatform, type Platform, parsePlatform, platformMatches } from "./platform.ts";
export {
  dockerDefaults,
  formatReference,
  isRepository,
  isTag,
  parseReference,
  type Reference,
  type ReferenceDefaults,
} from "./reference.ts";
