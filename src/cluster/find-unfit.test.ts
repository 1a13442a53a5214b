import assert from "node:assert/strict";
import { test } from "node:test";
import { clusterFromFlags } from "#clusterfile";
import { bareHost } from "../../test/fakes/observed-hosts.ts";
import { blueprintOf } from "../../test/fakes/test-blueprint.ts";
import type { Blueprint } from "./blueprint.ts";
import { findUnfit } from "./find-unfit.ts";
import type { ObservedHost } from "./observed-cluster.ts";

const [master, node] = ["10.0.0.1", "10.0.0.2"];

test("bare, fit hosts are fit", async () => {
  assert.deepEqual(await found({}), []);
});

const begunHere = { begun: new Set([`kubeadm-init@${master}`]) };

for (const [what, change, message] of [
  ["another architecture", { machine: "aarch64" }, /architecture is aarch64, the image is for linux\/amd64/],
  ["missing programs", { programs: new Set(["tar"]) }, /it lacks awk, flock, .*systemctl/],
  ["a clock that is ahead", { clockSkew: 40.4 }, /clock is 40 s ahead of/],
  ["a clock that is behind", { clockSkew: -3600 }, /clock is 3600 s behind/],
  [
    "an address that is not its own",
    { addresses: ["127.0.0.1", "192.168.1.7"] },
    /it has 127\.0\.0\.1, 192\.168\.1\.7/,
  ],
  ["a name that is no name", { hostname: "localhost.localdomain" }, /host name "localhost\.localdomain"/],
  ["too little room", { diskFree: 1000 }, /needs \d+ MB free below \/var\/lib, has 1 MB/],
  ["one processor", { processors: 1 }, /needs 2 processors, it has 1/],
  ["little memory", { memory: 1e9 }, /needs 1700 MB of memory, it has 1000 MB/],
  ["ports that are taken", { listening: new Set([22, 6443, 10250]) }, /listens on port 10250, 6443/],
  ["the registry's port taken", { listening: new Set([5000]) }, /listens on port 5000/],
  [
    "somebody else's Kubernetes",
    { kubernetesFiles: new Set(["kubelet.conf"]) },
    /Kubernetes is there already/,
  ],
  ["somebody else's certificates", { kubernetesFiles: new Set(["pki"]) }, /\/etc\/kubernetes\/pki/],
  ["somebody else's etcd", { hasEtcdData: true }, /an etcd has left data in \/var\/lib\/etcd/],
  ["another cluster of sealer's", { otherClusters: ["theirs"] }, /belongs to the cluster theirs/],
  [
    "another machine's id",
    { machineId: `id-of-${node}` },
    /10\.0\.0\.2: it is the same machine as 10\.0\.0\.1/,
  ],
  ["another host's name", { hostname: "HOST-2" }, /10\.0\.0\.2: its host name host-2 is that of 10\.0\.0\.1/],
] as const) {
  test(`finds ${what}`, async () => {
    const lines = await found(change);
    assert.equal(lines.length, 1, lines.join("\n"));
    assert.match(lines[0] ?? "", message);
  });
}

test("what this cluster has begun there itself is no reason to refuse a host", async () => {
  const ports = {
    listening: new Set([6443, 2379, 2380, 10250, 5000]),
    kubernetesFiles: new Set(["admin.conf"]),
  };

  assert.deepEqual(await found({ ...ports, ...begunHere, diskFree: 0, hasRootfs: true }), []);
});

test("a node needs neither a master's memory nor its ports", async () => {
  assert.deepEqual(await found({}, { processors: 1, memory: 5e8, listening: new Set([6443]) }), []);
});

async function found(
  ofMaster: Partial<ObservedHost>,
  ofNode: Partial<ObservedHost> = {},
): Promise<readonly string[]> {
  const desired = clusterFromFlags({
    name: "mine",
    image: "kubernetes:v1.20.2",
    masters: [{ address: master }],
    nodes: [{ address: node }],
    user: "root",
    port: 22,
    env: [],
    cmdArgs: [],
  });
  const hosts = new Map([
    [master, bareHost(master, ofMaster)],
    [node, bareHost(node, ofNode)],
  ]);
  const { blueprint } = await blueprintOf([{ a: "b" }]);
  const amd64: Blueprint = {
    ...blueprint,
    platforms: blueprint.platforms.map((one) => ({
      ...one,
      platform: { os: "linux", architecture: "amd64" },
    })),
  };
  return findUnfit(desired, amd64, { hosts, nodes: undefined, hasAccess: false }).map(
    ({ host, what }) => `${host}: ${what}`,
  );
}
