import { copyFile, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { DebianPackages } from "./debian-packages.ts";
import { contentsOf, type FillCache } from "./fill-cache.ts";
import { packTarGzip } from "./pack.ts";
import { copyPortable, type ProgramPaths } from "./portable-programs.ts";

/** The packages that hold the programs below. */
export const programPackages = {
  "host programs": ["conntrack", "socat", "ipset", "ipvsadm"],
  runtimes: ["docker.io", "containerd", "runc", "tini", "containernetworking-plugins"],
} as const;

const hostPrograms: ProgramPaths = {
  conntrack: "usr/sbin/conntrack",
  ipset: "usr/sbin/ipset",
  ipvsadm: "sbin/ipvsadm",
  socat: "usr/bin/socat",
};

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

const networkPlugins: ProgramPaths = Object.fromEntries(
  ["bandwidth", "bridge", "firewall", "host-local", "ipvlan", "loopback", "macvlan", "portmap"].map(
    (name) => [name, `usr/lib/cni/${name}`],
  ),
);

/**
 * A folder with `bin/` and `cri/` of the rootfs, out of unpacked Debian packages: the small programs that Kubernetes
 * needs on a host, and with `runtimes` also docker, containerd and the CNI plugins, packed as the official ones are.
 */
export async function debianPrograms(
  packages: string,
  which: "host programs" | "runtimes",
  debian: DebianPackages,
  cache: FillCache,
): Promise<string> {
  const sources = ["debian-programs.ts", "portable-programs.ts", "pack.ts"].map((name) =>
    join(import.meta.dirname, name),
  );
  return cache.folder(
    "debian-programs",
    [which, packages, ...(await contentsOf(sources))],
    async (folder) => {
      await debian.install(["patchelf"]);
      const staging = join(folder, ".staging");
      const libraries = join(staging, "sealer");
      await mkdir(libraries, { recursive: true });
      const collect = async (programs: ProgramPaths, to: string) => {
        for (const [name, file] of await copyPortable(programs, packages, to)) {
          await copyFile(file, join(libraries, name));
        }
      };
      await collect(hostPrograms, join(folder, "bin"));
      if (which === "runtimes") {
        await collect(dockerPrograms, join(staging, "docker"));
        await collect(containerdPrograms, join(staging, "bin"));
        await collect(networkPlugins, join(staging, "cni"));
        await packTarGzip(staging, join(folder, "cri/docker.tar.gz"), ["docker"]);
        await packTarGzip(staging, join(folder, "cri/containerd.tar.gz"), ["bin"]);
        await packTarGzip(join(staging, "cni"), join(folder, "cri/cni.tar.gz"));
      }
      await packTarGzip(staging, join(folder, "cri/lib.tar.gz"), ["sealer"]);
      await rm(staging, { recursive: true });
    },
  );
}
