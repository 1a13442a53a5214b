import { SealerError } from "#errors";

/** A version such as `v1.20.2`. */
export interface KubernetesVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  /** With its `v`, and whatever follows the patch number. */
  readonly text: string;
}

/** @throws IMAGE_INVALID */
export function parseKubernetesVersion(text: string, where?: string): KubernetesVersion {
  const match = /^v?(\d{1,3})\.(\d{1,3})\.(\d{1,4})(?:[-+][0-9A-Za-z.+-]+)?$/.exec(text.trim());
  if (!match) {
    throw new SealerError("IMAGE_INVALID", `"${text}" is not a version of Kubernetes`, {
      where,
      hint: "It is written as v1.20.2.",
    });
  }
  return {
    major: Number(match[1]),
    minor: Number(match[2]),
    patch: Number(match[3]),
    text: `v${text.trim().replace(/^v/, "")}`,
  };
}

export function isAtLeast(version: KubernetesVersion, major: number, minor: number): boolean {
  return version.major > major || (version.major === major && version.minor >= minor);
}

/** Version of the API `kubeadm.k8s.io`. */
export type KubeadmApi = (typeof kubeadmApis)[number];
export const kubeadmApis = ["v1beta1", "v1beta2", "v1beta3", "v1beta4"] as const;

/** The newest API that kubeadm of this version reads. */
export function kubeadmApiOf(version: KubernetesVersion): KubeadmApi {
  if (isAtLeast(version, 1, 31)) return "v1beta4";
  if (isAtLeast(version, 1, 22)) return "v1beta3";
  if (isAtLeast(version, 1, 15)) return "v1beta2";
  return "v1beta1";
}
