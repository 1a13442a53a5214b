import type { ClusterImage } from "#cluster-image";
import type { Descriptor, ImageConfig } from "#oci";

/** What a build stands on: the rootfs of an image for one platform, or nothing. */
export interface BaseImage {
  readonly image: ClusterImage | undefined;
  readonly config: ImageConfig | undefined;
  readonly layers: readonly Descriptor[];
  readonly layerDirs: readonly string[];
}

export const scratch: BaseImage = { image: undefined, config: undefined, layers: [], layerDirs: [] };
