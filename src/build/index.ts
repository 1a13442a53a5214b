export { findArchivesIn } from "./archive-finder.ts";
export { buildCacheIn, buildImage } from "./build-image.ts";
export type { BuildOptions } from "./build-options.ts";
export { findContainerImages, type WantedImage } from "./find-container-images.ts";
export type { FoundImage, ImageFinder } from "./image-finder.ts";
export { parseImageList } from "./image-list.ts";
export { nameless } from "./nameless.ts";
