import { globSync } from "node:fs";
import { copyFile, cp } from "node:fs/promises";
import { join } from "node:path";
import { buildUnzstd } from "./build-unzstd.ts";
import { writeContainerImages } from "./container-images.ts";
import { DebianPackages } from "./debian-packages.ts";
import { debianPrograms, programPackages } from "./debian-programs.ts";
import { contentsOf, type FillCache } from "./fill-cache.ts";
import type { FillTarget } from "./fill-target.ts";
import { runProgram } from "./run-program.ts";

const here = join(import.meta.dirname, "..");
const buildScript = join(here, "fill/build-kubernetes.sh");

const buildTools = [
  ...[
    "golang-go",
    "golang-github-modern-go-reflect2-dev",
    "dpkg-dev",
    "gcc",
    "libc6-dev",
    "binutils",
    "patchelf",
  ],
];

/** What only the container images of the control plane and of the examples need. */
const imagePackages = ["iptables", "kmod", "etcd-server", "etcd-client", "busybox"];

/** Fills the rootfs from Debian 12 alone: its source package of Kubernetes and its packages of the rest. */
export async function fillFromDebian(
  target: FillTarget,
  cache: FillCache,
  signal?: AbortSignal,
): Promise<void> {
  const debian = await DebianPackages.open(cache, signal);
  const packages = await debian.unpacked("packages", [
    ...programPackages["host programs"],
    ...programPackages.runtimes,
    ...imagePackages,
  ]);
  const kubernetes = await builtKubernetes(debian, cache, signal);
  const programs = await debianPrograms(packages, "runtimes", debian, cache);
  const images = await containerImages(kubernetes, packages, cache);
  await cp(programs, target.rootfs, { recursive: true });
  for (const name of ["kubeadm", "kubectl", "kubelet", "crictl"]) {
    await copyFile(join(kubernetes, name), join(target.rootfs, "bin", name));
  }
  await buildUnzstd(debian, cache, join(target.rootfs, "lib/unzstd"));
  await cp(images, target.containerImages, { recursive: true });
}

/** The programs of the Kubernetes tree; about four minutes on two cores the first time. */
async function builtKubernetes(
  debian: DebianPackages,
  cache: FillCache,
  signal?: AbortSignal,
): Promise<string> {
  const source = await debian.source("kubernetes");
  const programs = join(here, "programs");
  const ours = globSync("*/*.go", { cwd: programs })
    .sort()
    .map((path) => join(programs, path));
  return cache.folder(
    "kubernetes",
    [source, ...(await contentsOf([buildScript, ...ours]))],
    async (folder) => {
      await debian.install(buildTools);
      const scratch = await cache.scratch("go-build");
      await runProgram("bash", [buildScript, source, programs, scratch, folder], { signal });
    },
  );
}

async function containerImages(kubernetes: string, packages: string, cache: FillCache): Promise<string> {
  const sources = ["container-images.ts", "docker-archive.ts", "shared-libraries.ts", "pack.ts"];
  const inputs = [
    kubernetes,
    packages,
    ...(await contentsOf(sources.map((name) => join(here, "fill", name)))),
  ];
  return cache.folder("container-images", inputs, (folder) =>
    writeContainerImages({ built: kubernetes, packages }, folder),
  );
}
