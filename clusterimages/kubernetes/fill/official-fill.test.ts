import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "#files";
import { FillCache } from "./fill-cache.ts";
import { fillFromOfficial, type OfficialFillOptions } from "./official-fill.ts";
import { packTarGzip } from "./pack.ts";
import { runProgram } from "./run-program.ts";
import { downloadSite, serve } from "./testing.ts";

const official = join(import.meta.dirname, "../official.lock");
const mirrored = ["https://dl.k8s.io", "https://github.com", "https://download.docker.com"];

/** The official download sites in small: every file of the table under its own path, with its checksum file. */
async function officialSites(folder: string) {
  const files = new Map<string, Buffer>();
  const add = (path: string, bytes: Buffer) => {
    const digest = createHash("sha256").update(bytes).digest("hex");
    const name = path.split("/").at(-1);
    files.set(path, bytes);
    files.set(`${path}.sha256`, Buffer.from(digest));
    files.set(`${path}.sha256sum`, Buffer.from(`${digest}  ${name}\n`));
    files.set(
      `${dirname(path)}/runc.sha256sum`,
      Buffer.from(`${"0".repeat(64)} *runc.arm64\n${digest} *runc.amd64\n`),
    );
  };
  const archive = async (names: readonly string[]) => {
    const tree = join(folder, "tree");
    for (const name of names) {
      await mkdir(join(tree, dirname(name)), { recursive: true });
      await writeFile(join(tree, name), `#!/bin/sh\necho ${name}\n`, { mode: 0o755 });
    }
    await packTarGzip(tree, join(folder, "archive"), names);
    return readFile(join(folder, "archive"));
  };
  for (const name of ["kubeadm", "kubelet", "kubectl"]) {
    add(`/release/v1.20.2/bin/linux/amd64/${name}`, Buffer.from(name));
  }
  const releases = {
    cni: "/containernetworking/plugins/releases/download/v0.9.1/cni-plugins-linux-amd64-v0.9.1.tgz",
    crictl: "/kubernetes-sigs/cri-tools/releases/download/v1.20.0/crictl-v1.20.0-linux-amd64.tar.gz",
    containerd:
      "/containerd/containerd/releases/download/v1.7.27/containerd-static-1.7.27-linux-amd64.tar.gz",
  };
  add(releases.crictl, await archive(["crictl"]));
  add(releases.cni, await archive(["bridge", "host-local"]));
  add(releases.containerd, await archive(["bin/containerd", "bin/ctr"]));
  add("/linux/static/stable/x86_64/docker-20.10.24.tgz", await archive(["docker/docker", "docker/dockerd"]));
  add("/opencontainers/runc/releases/download/v1.1.5/runc.amd64", Buffer.from("runc"));
  const site = await downloadSite((request, response) => {
    const bytes = files.get(request.url?.replace(/^\/cdn/, "") ?? "");
    if (!bytes) response.writeHead(404).end();
    // As GitHub does it.
    else if (request.url?.includes("/releases/")) {
      if (request.url.startsWith("/cdn/")) serve(bytes, request, response);
      else response.writeHead(302, { location: `/cdn${request.url}` }).end();
    } else serve(bytes, request, response);
  });
  return { site, files };
}

async function arranged(folder: string) {
  const { site, files } = await officialSites(folder);
  const lockFile = join(folder, "official.lock");
  await writeFile(lockFile, await readFile(official));
  const target = { rootfs: join(folder, "rootfs"), containerImages: join(folder, "images") };
  const cache = new FillCache(join(folder, "cache"), () => {});
  const options: OfficialFillOptions = {
    lockFile,
    hostPrograms: "none",
    delay: 1,
    mirrors: Object.fromEntries(mirrored.map((prefix) => [prefix, site.url])),
  };
  const fill = (more: Partial<OfficialFillOptions> = {}) =>
    fillFromOfficial(target, cache, { ...options, ...more });
  return { site, files, lockFile, target, fill };
}

test("pins the digests once, and from then on needs no network for what it has", async () => {
  await using folder = await temporaryDirectory(tmpdir(), "official-");
  const { site, lockFile, target, fill } = await arranged(folder.path);
  await using _ = site;

  await assert.rejects(fill(), {
    code: "DOWNLOAD_FAILED",
    message: /docker 20.10.24 is not known/,
    hint: /--pin/,
  });
  await fill({ pin: true });
  assert.doesNotMatch(await readFile(lockFile, "utf8"), / unknown$| published:\S+$/m);
  await fill();
  const asked = site.received.length;
  await fill();
  assert.equal(site.received.length, asked);

  assert.deepEqual((await readdir(join(target.rootfs, "bin"))).sort(), [
    "crictl",
    "kubeadm",
    "kubectl",
    "kubelet",
  ]);
  const contents = (name: string) => runProgram("tar", ["-tzf", join(target.rootfs, "cri", name)]);
  assert.equal(await contents("docker.tar.gz"), "docker/docker\ndocker/dockerd\n");
  assert.equal(await contents("containerd.tar.gz"), "bin/\nbin/containerd\nbin/ctr\nbin/runc\n");
  assert.equal(await contents("cni.tar.gz"), "bridge\nhost-local\n");
});

test("refuses a file that is not what its publisher's checksum says", async () => {
  await using folder = await temporaryDirectory(tmpdir(), "official-");
  const { site, files, fill } = await arranged(folder.path);
  await using _ = site;
  files.set("/release/v1.20.2/bin/linux/amd64/kubelet", Buffer.from("evil"));

  await assert.rejects(fill({ pin: true }), { code: "DIGEST_MISMATCH", where: /amd64\/kubelet$/ });
});

test("refuses a file that has changed since its digest was pinned", async () => {
  await using folder = await temporaryDirectory(tmpdir(), "official-");
  const { site, files, fill } = await arranged(folder.path);
  await using _ = site;
  await fill({ pin: true });
  files.set("/opencontainers/runc/releases/download/v1.1.5/runc.amd64", Buffer.from("another"));

  await assert.rejects(fill(), { code: "DIGEST_MISMATCH", where: /runc\.amd64$/ });
});

test("names the checksum file that does not know the file", async () => {
  await using folder = await temporaryDirectory(tmpdir(), "official-");
  const { site, files, fill } = await arranged(folder.path);
  await using _ = site;
  const checksums = "/opencontainers/runc/releases/download/v1.1.5/runc.sha256sum";
  files.set(checksums, Buffer.from(`${"0".repeat(64)} *runc.arm64\n`));

  await assert.rejects(fill(), { code: "DOWNLOAD_FAILED", where: `${site.url}${checksums}` });
});
