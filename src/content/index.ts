export { childrenOf } from "./children.ts";
export type { ContentMounter, ContentResumer, ContentSink, ContentSource, ContentTarget } from "./content.ts";
export { type CopyOptions, copyImage } from "./copy-image.ts";
export { MemoryContent } from "./memory-content.ts";
export { readDocument } from "./read-document.ts";
export { RegistryError } from "./registry/registry-error.ts";
export { verified } from "./verified.ts";
