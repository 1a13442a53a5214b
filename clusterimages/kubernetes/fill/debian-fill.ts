import { copyFile, cp, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { writeContainerImages } from "./container-images.ts";
import { DebianPackages } from "./debian-packages.ts";
import { contentsOf, type FillCache } from "./fill-cache.ts";
import { packTarGzip } from "./pack.ts";
import { copyPortable, type ProgramPaths } from "./portable-programs.ts";
import { runProgram } from "./run-program.ts";

const here = join(import.meta.dirname, "..");
const buildScript = join(here, "fill/build-kubernetes.sh");

const buildTools = [
  ...["golang-go", "golang-github-modern-go-reflect2-dev", "dpkg-dev", "gcc", "libc6-dev", "binutils"],
  ...["libzstd-dev", "patchelf"],
];

const programPackages = [
  ...["docker.io", "containerd", "runc", "tini", "containernetworking-plugins"],
  ...["conntrack", "socat", "ipset", "ipvsadm", "iptables", "kmod", "etcd-server", "etcd-client", "busybox"],
];

const containerdPrograms: ProgramPaths = {
  containerd: "usr/bin/containerd",
  "containerd-shim": "usr/bin/containerd-shim",
  "containerd-shim-runc-v2": "usr/bin/containerd-shim-runc-v2",
  ctr: "usr/bin/ctr",
  runc: "usr/sbin/runc",
};

const dockerPrograms: ProgramPaths = {
  ...containerdPrograms,
  docker: "usr/bin/docker",
  dockerd: "usr/sbin/dockerd",
  "docker-init": "usr/bin/tini-static",
  "docker-proxy": "usr/sbin/docker-proxy",
};

const hostPrograms: ProgramPaths = {
  conntrack: "usr/sbin/conntrack",
  ipset: "usr/sbin/ipset",
  ipvsadm: "sbin/ipvsadm",
  socat: "usr/bin/socat",
};

const networkPlugins = [
  "bandwidth",
  "bridge",
  "firewall",
  "host-local",
  "ipvlan",
  "loopback",
  "macvlan",
  "portmap",
];

export interface FillTarget {
  /** The build context: the rootfs with what is checked in already there. */
  readonly rootfs: string;
  /** Where archives of container images go. */
  readonly containerImages: string;
}

/** Fills the rootfs from Debian 12 alone: its source package of Kubernetes and its packages of the rest. */
export async function fillFromDebian(
  target: FillTarget,
  cache: FillCache,
  signal?: AbortSignal,
): Promise<void> {
  const debian = await DebianPackages.open(cache, signal);
  const packages = await debian.unpacked("programs", programPackages);
  const built = await builtKubernetes(debian, cache, signal);
  const programs = await portablePrograms(packages, debian, cache);
  const images = await cache.folder(
    "container-images",
    [built, packages, ...(await contentsOf(sourcesOf("container-images", "docker-archive", "pack")))],
    (folder) => writeContainerImages({ built, packages }, folder),
  );
  await cp(programs, target.rootfs, { recursive: true });
  for (const name of ["kubeadm", "kubectl", "kubelet", "crictl"]) {
    await copyFile(join(built, name), join(target.rootfs, "bin", name));
  }
  await mkdir(join(target.rootfs, "lib"), { recursive: true });
  await copyFile(join(built, "unzstd"), join(target.rootfs, "lib/unzstd"));
  await cp(images, target.containerImages, { recursive: true });
}

/** The programs of the Kubernetes tree; about four minutes on two cores the first time. */
async function builtKubernetes(
  debian: DebianPackages,
  cache: FillCache,
  signal?: AbortSignal,
): Promise<string> {
  const source = await debian.source("kubernetes");
  const programs = ["coredns/main.go", "crictl/main.go", "unzstd/unzstd.c"].map((path) =>
    join(here, "programs", path),
  );
  const inputs = [source, ...(await contentsOf([buildScript, ...programs]))];
  return cache.folder("kubernetes", inputs, async (folder) => {
    await debian.install(buildTools);
    const scratch = await cache.scratch("go-build");
    await runProgram("bash", [buildScript, source, join(here, "programs"), scratch, folder], { signal });
  });
}

/** `bin/` and `cri/` of the rootfs, out of Debian's packages. */
async function portablePrograms(packages: string, debian: DebianPackages, cache: FillCache): Promise<string> {
  const inputs = [packages, ...(await contentsOf(sourcesOf("debian-fill", "portable-programs", "pack")))];
  return cache.folder("portable-programs", inputs, async (folder) => {
    await debian.install(["patchelf"]);
    const staging = join(folder, ".staging");
    const libraries = new Map<string, string>();
    const collect = async (programs: ProgramPaths, to: string) => {
      for (const [name, file] of await copyPortable(programs, packages, to)) libraries.set(name, file);
    };
    await collect(hostPrograms, join(folder, "bin"));
    await collect(dockerPrograms, join(staging, "docker"));
    await collect(containerdPrograms, join(staging, "bin"));
    const plugins = networkPlugins.map((name) => [name, `usr/lib/cni/${name}`]);
    await collect(Object.fromEntries(plugins), join(staging, "cni"));
    await mkdir(join(staging, "sealer"));
    for (const [name, file] of libraries) await copyFile(file, join(staging, "sealer", name));
    await packTarGzip(staging, join(folder, "cri/docker.tar.gz"), ["docker"]);
    await packTarGzip(staging, join(folder, "cri/containerd.tar.gz"), ["bin"]);
    await packTarGzip(join(staging, "cni"), join(folder, "cri/cni.tar.gz"));
    await packTarGzip(staging, join(folder, "cri/lib.tar.gz"), ["sealer"]);
    await runProgram("rm", ["-rf", staging]);
  });
}

function sourcesOf(...names: readonly string[]): string[] {
  return names.map((name) => join(here, "fill", `${name}.ts`));
}
