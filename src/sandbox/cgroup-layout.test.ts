import assert from "node:assert/strict";
import { test } from "node:test";
import { cgroupLayout } from "./cgroup-layout.ts";
import { missingControllers } from "./check-sandbox-support.ts";

test("a host goes below our own cgroup in version 1, and to the top of systemd's hierarchy and of version 2", () => {
  const layout = cgroupLayout(
    "3:name=systemd:/user.slice/session-1.scope\n2:cpu,cpuacct:/\n1:memory:/jobs/7\n0::/user.slice\n",
    [
      "30 20 0:26 / /sys/fs/cgroup/unified rw shared:5 - cgroup2 cgroup2 rw,nsdelegate",
      "31 20 0:27 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd",
      "32 20 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct",
      "33 20 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory",
      "34 20 0:30 / /tmp rw - tmpfs tmpfs rw",
    ].join("\n"),
  );
  assert.deepEqual(layout, {
    kind: "hybrid",
    hierarchies: [
      { controllers: "name=systemd", mountPoint: "/sys/fs/cgroup/systemd", parent: "/sys/fs/cgroup/systemd" },
      {
        controllers: "cpu,cpuacct",
        mountPoint: "/sys/fs/cgroup/cpu,cpuacct",
        parent: "/sys/fs/cgroup/cpu,cpuacct",
      },
      { controllers: "memory", mountPoint: "/sys/fs/cgroup/memory", parent: "/sys/fs/cgroup/memory/jobs/7" },
      { controllers: "", mountPoint: "/sys/fs/cgroup/unified", parent: "/sys/fs/cgroup/unified" },
    ],
  });
});

test("pure version 2 has one hierarchy, with the host at the top", () => {
  const layout = cgroupLayout(
    "0::/user.slice/user-0.slice/session-4.scope\n",
    "25 20 0:22 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
  );
  assert.deepEqual(layout, {
    kind: "v2",
    hierarchies: [{ controllers: "", mountPoint: "/sys/fs/cgroup", parent: "/sys/fs/cgroup" }],
  });
});

test("pure version 1 ignores a version 2 that is mounted nowhere", () => {
  const layout = cgroupLayout(
    "1:pids:/\n0::/\n",
    "33 20 0:29 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n",
  );
  assert.equal(layout.kind, "v1");
});

test("in a container, our path counts from the cgroup that is mounted", () => {
  const mounted = "33 20 0:29 /docker/abc /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n";
  assert.equal(parentOf("1:pids:/docker/abc\n", mounted), "/sys/fs/cgroup/pids");
  assert.equal(parentOf("1:pids:/docker/abc/inner\n", mounted), "/sys/fs/cgroup/pids/inner");
});

test("names the controllers without which no host works", () => {
  const v2 = cgroupLayout("0::/\n", "25 20 0:22 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  assert.deepEqual(missingControllers(v2, ["cpu", "io", "memory"]), ["cpuset", "pids"]);
  const v1 = cgroupLayout(
    "1:memory:/\n",
    "33 20 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
  );
  assert.deepEqual(missingControllers(v1, []).slice(0, 2), ["name=systemd", "cpu"]);
});

const parentOf = (own: string, mounts: string) => cgroupLayout(own, mounts).hierarchies[0]?.parent;
