import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { type BootOrder, bootScript } from "./boot-script.ts";
import { cgroupLayout } from "./cgroup-layout.ts";

const order: BootOrder = {
  hostName: "host-1",
  address: "172.28.0.2",
  gateway: "172.28.0.1",
  folder: "/var/lib/it's here/host-1",
  base: "/var/cache/base",
  diskImage: undefined,
  passwordFile: "/p",
  authorizedKeys: "/k",
  cgroups: ["/sys/fs/cgroup/x y/host"],
  layout: cgroupLayout("0::/\n", "25 20 0:22 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"),
  kernelRelease: "6.1.0",
  modulesBuiltin: "kernel/fs/overlayfs/overlay.ko\n",
};
const hybrid = cgroupLayout(
  "2:cpu,cpuacct:/\n1:name=systemd:/\n0::/\n",
  `30 20 0:26 / /cg/unified rw - cgroup2 cgroup2 rw
31 20 0:27 / /cg/systemd rw - cgroup cgroup rw,xattr,name=systemd
32 20 0:28 / /cg/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
`,
);

test("the boot script is bash for every layout of cgroups and disks, whatever is in the paths", () => {
  for (const script of [
    bootScript(order),
    bootScript({ ...order, layout: hybrid }),
    bootScript({ ...order, diskImage: "/d'i s k", modulesBuiltin: undefined }),
  ]) {
    const { status, stderr } = spawnSync("bash", ["-n"], { input: script, encoding: "utf8" });
    assert.equal(status, 0, stderr);
    assert.match(script, /^cd '\/var\/lib\/it'\\''s here\/host-1'$/m);
    assert.match(script, /^ {2}echo 0 >'\/sys\/fs\/cgroup\/x y\/host'\/cgroup\.procs$/m);
  }
});

test("a host sees the machine's hierarchies where systemd looks for them", () => {
  assert.match(bootScript(order), /^mount -t cgroup2 cgroup2 root\/sys\/fs\/cgroup$/m);
  const script = bootScript({ ...order, layout: hybrid });
  assert.match(script, /^mount -t cgroup -o none,name=systemd cgroup root\/sys\/fs\/cgroup\/systemd$/m);
  assert.match(script, /^mount -t cgroup -o cpu,cpuacct cgroup root\/sys\/fs\/cgroup\/cpu,cpuacct$/m);
  assert.match(script, /^ln -s cpu,cpuacct root\/sys\/fs\/cgroup\/cpuacct$/m);
  assert.match(script, /^mount -t cgroup2 cgroup2 root\/sys\/fs\/cgroup\/unified$/m);
});
