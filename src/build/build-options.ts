import type { ClusterImage } from "#cluster-image";
import type { ImageStore } from "#content";
import type { Platform } from "#oci";
import type { Progress } from "#progress";
import type { WantedImage } from "./find-container-images.ts";
import type { ImageFinder } from "./image-finder.ts";

export interface BuildOptions {
  /** The folder that COPY takes files from. */
  readonly context: string;
  /** `file` is how messages name it. */
  readonly kubefile: { readonly text: string; readonly file: string };
  readonly tag: string;
  readonly platforms: readonly Platform[];
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly store: ImageStore;
  /** Where layers are unpacked. */
  readonly overlayDir: string;
  readonly cacheDir: string;
  readonly noCache: boolean;
  readonly compression: "zstd" | "gzip";
  readonly network: "default" | "none";
  /** Seconds since 1970: the time of all that is built. */
  readonly epoch: number;
  /** Which sealer builds, for the image's record. */
  readonly version: string;
  /** Undefined: `kubernetes` if the rootfs brings Kubernetes. */
  readonly kind?: ClusterImage["kind"] | undefined;
  /** Without the base: an application image of only what this Kubefile adds. */
  readonly withoutBase: boolean;
  /** Brings the image that FROM names into the store, and returns by which name it is found there. */
  readonly fetchBase: (image: string, place: { readonly line: number }) => Promise<string>;
  /** Archives, folders of archives and OCI layouts with container images. */
  readonly imagesFrom: readonly string[];
  /** Where else container images are looked for, after the archives and the store. */
  readonly registries: readonly ImageFinder[];
  /** Images wanted beside those that the rootfs names. */
  readonly extraImages: readonly WantedImage[];
  /** References, fully qualified, that are not embedded. */
  readonly ignoredImages: ReadonlySet<string>;
  /** Fail where an image cannot be told before the cluster runs. */
  readonly strict: boolean;
  /** False builds without container images. */
  readonly embed: boolean;
  readonly progress?: Progress;
  readonly signal?: AbortSignal | undefined;
}
