import { chmod, copyFile, mkdir, readdir, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type ImageDescription, writeDockerArchive } from "./docker-archive.ts";
import { runProgram } from "./run-program.ts";
import { loaderPath, sharedLibrariesOf } from "./shared-libraries.ts";

const libraries = "usr/lib/x86_64-linux-gnu";
const extensions = `${libraries}/xtables`;

export interface ImageMaterials {
  /** A folder with the programs built from the Kubernetes tree. */
  readonly built: string;
  /** A tree of unpacked Debian packages. */
  readonly packages: string;
}

/** Makes the container images of the control plane, and an application for the examples, one archive each. */
export async function writeContainerImages(
  { built, packages }: ImageMaterials,
  target: string,
): Promise<void> {
  const image = (description: ImageDescription, furnish: (tree: ImageTree) => Promise<void>) =>
    furnished(description, new ImageTree(`${target}/.tree`, packages), furnish, target);

  for (const name of ["kube-apiserver", "kube-controller-manager", "kube-scheduler"]) {
    await image({ reference: `k8s.gcr.io/${name}:v1.20.2` }, (tree) =>
      tree.add(join(built, name), `usr/local/bin/${name}`),
    );
  }
  await image({ reference: "k8s.gcr.io/kube-proxy:v1.20.2" }, async (tree) => {
    await tree.add(join(built, "kube-proxy"), "usr/local/bin/kube-proxy");
    await tree.addFromPackages("usr/sbin/xtables-nft-multi");
    for (const name of iptablesNames) await tree.link("xtables-nft-multi", `usr/sbin/${name}`);
    for (const file of await readdir(join(packages, extensions))) {
      if (file.endsWith(".so")) await tree.addFromPackages(`${extensions}/${file}`);
    }
    await tree.addFromPackages("usr/sbin/ipset");
    await tree.addFromPackages("usr/sbin/conntrack");
    await tree.addFromPackages("usr/sbin/ipvsadm", "sbin/ipvsadm");
    await tree.addFromPackages("bin/kmod");
    await tree.link("../bin/kmod", "usr/sbin/modprobe");
    await tree.addShell();
  });
  await image({ reference: "k8s.gcr.io/pause:3.2", entrypoint: ["/pause"] }, (tree) =>
    tree.add(join(built, "pause"), "pause"),
  );
  await image({ reference: "k8s.gcr.io/etcd:3.4.13-0" }, async (tree) => {
    await tree.addFromPackages("usr/local/bin/etcd", "usr/bin/etcd");
    await tree.addFromPackages("usr/local/bin/etcdctl", "usr/bin/etcdctl");
    await tree.addShell();
  });
  await image({ reference: "k8s.gcr.io/coredns:1.7.0", entrypoint: ["/coredns"] }, (tree) =>
    tree.add(join(built, "coredns"), "coredns"),
  );
  const httpd = ["/bin/httpd", "-f", "-v", "-p", "8080", "-h", "/www"];
  await image({ reference: "sea.hub:5000/examples/web:1.0", entrypoint: httpd }, async (tree) => {
    await tree.addShell();
    for (const name of ["httpd", "wget", "nslookup", "cat", "sleep", "ls", "hostname"]) {
      await tree.link("busybox", `bin/${name}`);
    }
    await tree.write("www/index.html", "hello from busybox\n");
  });
}

const iptablesNames = [
  ...["iptables", "iptables-save", "iptables-restore"],
  ...["ip6tables", "ip6tables-save", "ip6tables-restore"],
];

async function furnished(
  description: ImageDescription,
  tree: ImageTree,
  furnish: (tree: ImageTree) => Promise<void>,
  target: string,
): Promise<void> {
  await rm(tree.root, { recursive: true, force: true });
  await tree.prepare();
  await furnish(tree);
  await tree.addLibraries();
  const file = `${basename(description.reference).replace(":", "_")}.tar`;
  await writeDockerArchive(description, tree.root, join(target, file));
  await rm(tree.root, { recursive: true });
}

/** The file tree of an image that is being made. */
class ImageTree {
  readonly root: string;
  readonly #packages: string;
  readonly #programs: string[] = [];

  constructor(root: string, packages: string) {
    this.root = root;
    this.#packages = packages;
  }

  async prepare(): Promise<void> {
    for (const folder of ["tmp", "etc", "usr/sbin", "usr/bin", "var", "run"]) {
      await mkdir(join(this.root, folder), { recursive: true });
    }
    // As merged systems have them: a library is then found wherever a program looks.
    for (const name of ["bin", "sbin", "lib", "lib64"]) {
      await mkdir(join(this.root, "usr", name), { recursive: true });
      await symlink(`usr/${name}`, join(this.root, name));
    }
    await chmod(join(this.root, "tmp"), 0o1777);
  }

  async add(file: string, path: string): Promise<void> {
    const target = join(this.root, path);
    await mkdir(dirname(target), { recursive: true });
    await copyFile(await realpath(file), target);
    await chmod(target, 0o755);
    this.#programs.push(target);
  }

  /** `from` is the path in the packages where it is not the same. */
  async addFromPackages(path: string, from = path): Promise<void> {
    await this.add(join(this.#packages, from), path);
  }

  async addShell(): Promise<void> {
    await this.addFromPackages("bin/busybox");
    await this.link("busybox", "bin/sh");
  }

  async link(to: string, path: string): Promise<void> {
    await symlink(to, join(this.root, path));
  }

  async write(path: string, text: string): Promise<void> {
    await mkdir(dirname(join(this.root, path)), { recursive: true });
    await writeFile(join(this.root, path), text);
  }

  async addLibraries(): Promise<void> {
    for (const [name, file] of await sharedLibrariesOf(this.#programs, this.#packages)) {
      const path = name.startsWith("ld-linux") ? loaderPath : `${libraries}/${name}`;
      await mkdir(dirname(join(this.root, path)), { recursive: true });
      await copyFile(file, join(this.root, path));
      await chmod(join(this.root, path), 0o755);
    }
    await runProgram("chmod", ["-R", "u+rwX,go+rX,go-w", this.root]);
    await chmod(join(this.root, "tmp"), 0o1777);
  }
}
