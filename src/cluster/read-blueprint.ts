import { basename } from "node:path";
import { type ClusterImage, RootfsView, readClusterImage, unpackRootfs } from "#cluster-image";
import type { ContentSource } from "#content";
import { SealerError } from "#errors";
import { treeSize } from "#files";
import {
  type ContainerRuntime,
  isAtLeast,
  type KubeadmDocuments,
  parseKubernetesVersion,
  readKubeadmDocuments,
} from "#kubernetes";
import type { Digest } from "#oci";
import type { Progress } from "#progress";
import { parseYaml } from "#yaml";
import type { Blueprint, BlueprintPlatform } from "./blueprint.ts";
import { pushedImages } from "./pushed-images.ts";

export interface ReadBlueprintOptions {
  readonly progress: Progress;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads what running a ClusterImage needs to know of it. Its layers are unpacked on this machine for that, once.
 * @throws IMAGE_NOT_FOUND, IMAGE_INVALID, CONFIG_INVALID, YAML_INVALID
 */
export async function readBlueprint(
  source: ContentSource,
  reference: string,
  overlayDir: string,
  { progress, signal }: ReadBlueprintOptions,
): Promise<Blueprint> {
  const image = await readClusterImage(source, reference, { signal });
  const platforms: BlueprintPlatform[] = [];
  for (const { platform, layers } of image.platforms) {
    const folders = await unpackRootfs(source, layers, overlayDir, { progress, signal });
    const view = new RootfsView(folders);
    platforms.push({
      platform,
      layers: layers.map(({ id, digest, size, mediaType }) => ({
        descriptor: { digest, size, mediaType },
        diffId: `sha256:${id}` as Digest,
      })),
      folders,
      treeBytes: await sizeOf(folders),
      hasUnzstd: (await view.find("lib/unzstd"))?.kind === "file",
    });
  }
  const view = new RootfsView(platforms[0]?.folders ?? []);
  const kubeadm = await kubeadmDocuments(view);
  const version = await kubernetesVersion(image, view, kubeadm);
  const registry = await registryOf(view);
  return {
    image: { name: reference, digest: image.root.digest },
    version,
    runtime: runtimeOf(image, isAtLeast(version, 1, 24)),
    kubeadm,
    registry,
    platforms,
    images: pushedImages(image, `${registry.domain}:${registry.port}`),
    archives: await archivesOf(view),
    imageBytes: image.embedded.reduce((sum, { size }) => sum + size, 0),
    commands: image.cmd,
    env: image.env,
  };
}

async function kubeadmDocuments(view: RootfsView): Promise<KubeadmDocuments> {
  const text = await view.read("etc/kubeadm.yml");
  return text ? readKubeadmDocuments(text.toString(), "etc/kubeadm.yml") : {};
}

async function kubernetesVersion(image: ClusterImage, view: RootfsView, kubeadm: KubeadmDocuments) {
  const metadata = metadataVersion((await view.read("Metadata"))?.toString());
  if (metadata !== undefined) return parseKubernetesVersion(metadata, "Metadata");
  const written = kubeadm.ClusterConfiguration?.fields.kubernetesVersion;
  if (typeof written === "string") {
    return parseKubernetesVersion(written, kubeadm.ClusterConfiguration?.at(["kubernetesVersion"]));
  }
  throw new SealerError("IMAGE_INVALID", `${image.name} contains no Kubernetes`, {
    hint:
      image.kind === "application"
        ? "It is an application image: build one FROM a base image to run both, or name a base image."
        : "A base image says its version of Kubernetes in the file Metadata or in etc/kubeadm.yml.",
  });
}

function metadataVersion(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  let facts: { version?: unknown; kubeVersion?: unknown };
  try {
    facts = JSON.parse(text);
  } catch (cause) {
    throw new SealerError("IMAGE_INVALID", "the image's file Metadata is not JSON", {
      where: "Metadata",
      cause,
    });
  }
  const version = facts.kubeVersion ?? facts.version;
  return typeof version === "string" ? version : undefined;
}

function runtimeOf({ labels, name }: ClusterImage, withoutDockershim: boolean): ContainerRuntime {
  const label = labels["cluster.alpha.sealer.io/container-runtime-type"];
  if (label === "docker" || label === "containerd") return label;
  if (label === undefined) return withoutDockershim ? "containerd" : "docker";
  throw new SealerError("IMAGE_INVALID", `${name} asks for the container runtime "${label}"`, {
    hint: "The label cluster.alpha.sealer.io/container-runtime-type is docker or containerd.",
  });
}

/** `etc/registry.yml`: domain, port, and a login where pulling shall ask for one. */
async function registryOf(view: RootfsView): Promise<Blueprint["registry"]> {
  const file = "etc/registry.yml";
  const text = await view.read(file);
  const [document] = text ? parseYaml(text.toString(), { file }) : [];
  const value = (document?.value ?? {}) as Record<string, unknown>;
  const wrong = (key: string, why: string) =>
    new SealerError("CONFIG_INVALID", `${key} ${why}`, { where: `${file}:${document?.lineOf([key])}` });
  const domain = value.domain ?? "sea.hub";
  if (typeof domain !== "string" || !/^[a-z0-9]([a-z0-9.-]{0,200}[a-z0-9])?$/.test(domain)) {
    throw wrong("domain", "is not a host name");
  }
  const port = Number(value.port ?? 5000);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw wrong("port", "is not a port");
  const { username, password } = value;
  if (username === undefined && password === undefined) return { domain, port, login: undefined };
  if (typeof username !== "string" || !/^[^:\s]+$/.test(username)) throw wrong("username", "is not a name");
  if (typeof password !== "string" || password === "" || Buffer.byteLength(password) > 72) {
    throw wrong("password", "is a text of up to 72 bytes; put a number into quotes");
  }
  return { domain, port, login: { username, password } };
}

async function archivesOf(view: RootfsView): Promise<readonly string[]> {
  const entries = await view.list("images");
  return entries
    .filter(({ kind, path }) => kind === "file" && /\.(tar|tar\.gz|tgz|tar\.zst)$/.test(path))
    .filter(({ path }) => basename(path) !== "registry.tar")
    .map(({ path }) => path);
}

async function sizeOf(folders: readonly string[]): Promise<number> {
  const sizes = await Promise.all(folders.map((folder) => treeSize(folder)));
  return sizes.reduce((sum, size) => sum + size, 0);
}
