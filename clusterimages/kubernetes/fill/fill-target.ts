export interface FillTarget {
  /** The build context: the rootfs with what is checked in already there. */
  readonly rootfs: string;
  /** Where archives of container images go, for `sealer build --images-from`. */
  readonly containerImages: string;
}
