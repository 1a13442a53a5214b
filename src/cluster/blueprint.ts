import type { ContainerRuntime, KubeadmDocuments, KubernetesVersion } from "#kubernetes";
import type { Platform } from "#oci";
import type { PushedImage, RootfsLayer } from "./step.ts";

/** What planning and executing need to know of a ClusterImage. */
export interface Blueprint {
  /** As it was named, and what that stood for. */
  readonly image: { readonly name: string; readonly digest: string };
  readonly version: KubernetesVersion;
  readonly runtime: ContainerRuntime;
  readonly kubeadm: KubeadmDocuments;
  readonly registry: {
    readonly domain: string;
    readonly port: number;
    /** Of `etc/registry.yml`: pulling then wants it, too. */
    readonly login: { readonly username: string; readonly password: string } | undefined;
  };
  readonly platforms: readonly BlueprintPlatform[];
  readonly images: readonly PushedImage[];
  /** Archives in `images/` of the rootfs, other than the registry's own: relative paths. */
  readonly archives: readonly string[];
  /** Bytes of all container images. */
  readonly imageBytes: number;
  readonly commands: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface BlueprintPlatform {
  readonly platform: Platform;
  readonly layers: readonly RootfsLayer[];
  /** Folders of the unpacked layers on this machine, lowest first. */
  readonly folders: readonly string[];
  /** Bytes of the unpacked tree. */
  readonly treeBytes: number;
  /** Whether the rootfs brings `lib/unzstd` for hosts that have no zstd. */
  readonly hasUnzstd: boolean;
}
