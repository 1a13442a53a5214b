export { annotations, roles } from "./annotations.ts";
export { assembleRootfs } from "./assemble-rootfs.ts";
export type {
  ClusterImage,
  EmbeddedImage,
  RootfsLayer,
  RootfsOfPlatform,
  UnresolvedImage,
  WantedBy,
} from "./cluster-image.ts";
export { type ClusterImageParts, composeClusterImage } from "./compose-cluster-image.ts";
export { type Application, type Extension, launchCommand } from "./extension.ts";
export { inspectView } from "./inspect-view.ts";
export { readClusterImage, rootfsFor } from "./read-cluster-image.ts";
export { type RootfsEntry, RootfsView } from "./rootfs-view.ts";
export { type UnpackOptions, unpackRootfs } from "./unpack-rootfs.ts";
