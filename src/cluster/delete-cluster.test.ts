import assert from "node:assert/strict";
import { access, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { dialTcp } from "#hosts";
import { noProgress } from "#progress";
import { ClusterRig } from "../../test/fakes/cluster-rig.ts";
import { clusterStatus } from "./cluster-status.ts";
import { type DeleteOptions, deleteFromCluster } from "./delete-cluster.ts";
import { execOnHosts, hostsWithRoles } from "./exec-on-hosts.ts";
import { openCluster } from "./open-cluster.ts";
import { runCluster } from "./run-cluster.ts";

const [zero, second, node] = ["10.0.0.1", "10.0.0.2", "10.0.0.3"];

test("after a delete the hosts are as they were, and this machine knows nothing", async () => {
  await using rig = await ClusterRig.make([zero, second], [node]);
  await mkdir(join(rig.hosts.at(zero).files, "root/.kube"), { recursive: true });
  await writeFile(join(rig.hosts.at(zero).files, "root/.kube/config"), "mine from before\n");
  await mkdir(join(rig.hosts.at(zero).files, "root/.ssh"), { recursive: true });
  await writeFile(join(rig.hosts.at(zero).files, "root/.ssh/authorized_keys"), "ssh-rsa AAAA me\n");
  await runCluster(await rig.options());

  const deleted = await deleteFromCluster(await options(rig));

  assert.deepEqual(deleted, { cluster: "mine", removed: [zero, second, node], left: [] });
  for (const { files } of rig.hosts.hosts) {
    await assert.rejects(access(join(files, "var/lib/sealer")), { code: "ENOENT" });
    await assert.rejects(access(join(files, "run/sealer")), { code: "ENOENT" });
    assert.equal(await readFile(join(files, "etc/hosts"), "utf8"), "127.0.0.1 localhost\n");
  }
  const root = join(rig.hosts.at(zero).files, "root");
  assert.equal(await readFile(join(root, ".kube/config"), "utf8"), "mine from before\n");
  assert.equal(await readFile(join(root, ".ssh/authorized_keys"), "utf8"), "ssh-rsa AAAA me\n");
  await assert.rejects(access(join(rig.home, "mine")), { code: "ENOENT" });
  assert.deepEqual((await rig.hosts.noted()).filter((line) => line.endsWith("clean.sh")).sort(), [
    "host-1 clean.sh",
    "host-2 clean.sh",
    "host-3 clean.sh",
  ]);
});

test("a delete that fails on one host leaves what a second one needs, which then ends it without a password", async () => {
  await using rig = await ClusterRig.make([zero], [node]);
  await runCluster(await rig.options());
  const clean = join(rig.hosts.at(node).files, "var/lib/sealer/data/mine/rootfs/scripts/clean.sh");
  const script = await readFile(clean, "utf8");
  await writeFile(clean, "echo the disk is busy >&2; exit 1\n");

  await assert.rejects(deleteFromCluster(await options(rig)), {
    code: "STEPS_FAILED",
    message: /10\.0\.0\.3: Clean the host: .*the disk is busy/s,
  });
  await assert.rejects(runCluster(await rig.options()), { message: /being deleted/ });
  await writeFile(clean, script);
  await deleteFromCluster(await options(rig));

  for (const { files } of rig.hosts.hosts) await assert.rejects(access(join(files, "var/lib/sealer")));
});

test("a delete works when the run never got far, and where there is no clean.sh", async () => {
  await using rig = await ClusterRig.make([zero], [node]);
  const { blueprint, content } = await rig.options({}, { files: [{ "etc/nothing": "" }] });
  await assert.rejects(runCluster(await rig.options({ blueprint, content })), /no scripts\/init\.sh/);

  await deleteFromCluster(await options(rig));

  for (const { files } of rig.hosts.hosts) await assert.rejects(access(join(files, "var/lib/sealer")));
});

test("a host that has Kubernetes but lost what would remove it is told, and the cluster is not forgotten", async () => {
  await using rig = await ClusterRig.make([zero], [node]);
  await runCluster(await rig.options());
  const { files } = rig.hosts.at(node);
  await rm(join(files, "var/lib/sealer"), { recursive: true });

  await assert.rejects(deleteFromCluster(await options(rig)), {
    code: "STEPS_FAILED",
    message: /10\.0\.0\.3: Clean the host: .*run kubeadm reset here/s,
  });
  await rm(join(files, "etc/kubernetes"), { recursive: true });
  await deleteFromCluster(await options(rig));

  await assert.rejects(access(join(files, "var/lib/sealer")));
});

test("a host that belongs to another cluster by now is left to it", async () => {
  await using rig = await ClusterRig.make([zero], []);
  await runCluster(await rig.options());
  const { files } = rig.hosts.at(zero);
  await rm(join(files, "var/lib/sealer/data/mine"), { recursive: true });
  await mkdir(join(files, "var/lib/sealer/data/other/receipts"), { recursive: true });
  await writeFile(join(files, "var/lib/sealer/data/other/receipts/kubeadm-init@10.0.0.1"), "{}");
  await writeFile(join(files, "etc/hosts"), "10.0.0.1 host-1 # sealer other\n", { flag: "a" });

  await deleteFromCluster(await options(rig));

  await access(join(files, "etc/kubernetes/admin.conf"));
  await access(join(files, "root/.kube/config"));
  await access(join(files, "var/lib/sealer/data/other/receipts/kubeadm-init@10.0.0.1"));
  assert.equal(
    await readFile(join(files, "etc/hosts"), "utf8"),
    "127.0.0.1 localhost\n10.0.0.1 host-1 # sealer other\n",
  );
  assert.ok(!(await rig.hosts.noted()).includes("host-1 clean.sh"));
});

test("a host that is gone is named; with force it is left as it is", async () => {
  await using rig = await ClusterRig.make([zero], [node]);
  await runCluster(await rig.options());
  rig.down.add(node);

  await assert.rejects(deleteFromCluster(await options(rig)), {
    code: "HOST_UNREACHABLE",
    message: /10\.0\.0\.3/,
    hint: /--force/,
  });
  await access(join(rig.hosts.at(zero).files, "var/lib/sealer"));
  const deleted = await deleteFromCluster(await options(rig, { force: true }));

  assert.deepEqual(deleted, { cluster: "mine", removed: [zero], left: [node] });
});

test("a node and a master leave: drained, cleaned, forgotten, and the others no longer know their names", async () => {
  await using rig = await ClusterRig.make([zero, second], [node]);
  await runCluster(await rig.options());
  const { state } = await openCluster(rig.home, undefined);
  const going = state.desired.hosts.filter(({ address }) => address !== zero);

  const deleted = await deleteFromCluster(await options(rig, { hosts: going }));

  assert.deepEqual(deleted.removed, [second, node]);
  const noted = await rig.hosts.noted();
  for (const name of ["host-2", "host-3"]) {
    assert.deepEqual(
      noted.filter((line) => / (drain|delete|clean)/.test(line) && line.includes(name)),
      [`host-1 kubectl drain ${name}`, `${name} clean.sh`, `host-1 kubectl delete node ${name}`],
    );
  }
  assert.equal(
    await readFile(join(rig.hosts.at(zero).files, "etc/hosts"), "utf8"),
    [
      "127.0.0.1 localhost",
      "10.0.0.1 apiserver.cluster.local # sealer mine",
      "10.0.0.1 sea.hub # sealer mine",
      "10.0.0.1 host-1 # sealer mine",
      "",
    ].join("\n"),
  );
  const rest = (await openCluster(rig.home, "mine")).state.desired.hosts;
  assert.deepEqual(
    rest.map(({ address }) => address),
    [zero],
  );
  await assert.rejects(access(join(rig.hosts.at(node).files, "var/lib/sealer")));
  const again = await runCluster(await rig.options({ desired: rig.desired([zero], []) }));
  assert.equal(again.steps.done, 0);
});

test("a master that is gone leaves etcd and the cluster without being reached", async () => {
  await using rig = await ClusterRig.make([zero, second], []);
  await runCluster(await rig.options());
  rig.down.add(second);
  const { state } = await openCluster(rig.home, undefined);
  const gone = state.desired.hosts.filter(({ address }) => address === second);

  const deleted = await deleteFromCluster(await options(rig, { hosts: gone, force: true }));

  assert.deepEqual(deleted, { cluster: "mine", removed: [], left: [second] });
  assert.deepEqual((await rig.hosts.noted()).slice(-2), [
    "host-1 etcd member remove id-host-2",
    "host-1 kubectl delete node host-2",
  ]);
});

test("status tells nodes, their versions and what is wrong; exec runs on hosts by role", async () => {
  await using rig = await ClusterRig.make([zero], [second, node]);
  await runCluster(await rig.options());
  await mkdir(join(rig.hosts.folder, "shared/not-ready"));
  await writeFile(join(rig.hosts.folder, "shared/not-ready/host-2"), "");
  rig.down.add(node);
  const { home, state } = await openCluster(rig.home, undefined);
  const facts = { ...(await options(rig)), home, ownKey: true };
  await using connections = await facts.connect(state.desired.hosts, facts);

  const status = await clusterStatus(state, connections);
  const lines: string[] = [];
  const outcomes = await execOnHosts(state, connections, {
    argv: ["bash", "-c", "echo $SEALER_CLUSTER on $HostIP; exit 3"],
    hosts: hostsWithRoles(state, ["node"]),
    onLine: (host, line) => void lines.push(`${host} ${line}`),
  });

  assert.deepEqual(
    status.hosts.map(({ name, ready, version, problems }) => [name, ready, version, problems]),
    [
      ["host-1", true, "v1.20.2", []],
      ["host-2", false, "v1.20.2", ["KubeletNotReady: the network is not ready"]],
      ["host-3", true, "v1.20.2", ["10.0.0.3: connection refused"]],
    ],
  );
  assert.deepEqual(
    outcomes.map(({ host, exitCode }) => [host, exitCode]),
    [
      [second, 3],
      [node, 255],
    ],
  );
  assert.ok(lines.includes("10.0.0.2 mine on 10.0.0.2"));
  assert.throws(() => hostsWithRoles(state, ["worker"]), { code: "USAGE", message: /role worker/ });
});

test("a state that cannot be read is told, and not taken for no cluster", async () => {
  await using rig = await ClusterRig.make([zero], []);
  await mkdir(join(rig.home, "mine"));
  await writeFile(join(rig.home, "mine/state.json"), '{"version": 1, "desi');

  await assert.rejects(openCluster(rig.home, undefined), { code: "FILE_INVALID", where: /state\.json/ });
  await assert.rejects(runCluster(await rig.options()), { code: "FILE_INVALID" });
});

test("what is kept of a cluster is for its owner alone, and holds no password", async () => {
  await using rig = await ClusterRig.make([zero], []);
  await runCluster(await rig.options({ login: { password: "marker-of-a-secret" } }));

  const folder = join(rig.home, "mine");
  const { stat } = await import("node:fs/promises");
  for (const name of await readdir(folder, { recursive: true })) {
    const facts = await stat(join(folder, name));
    assert.equal(facts.mode & 0o077, 0, name);
    if (facts.isFile())
      assert.ok(!(await readFile(join(folder, name), "utf8")).includes("marker-of-a-secret"), name);
  }
  await rm(folder, { recursive: true });
});

async function options(rig: ClusterRig, change: Partial<DeleteOptions> = {}) {
  const { home, state } = await openCluster(rig.home, "mine");
  return {
    folder: rig.home,
    home,
    state,
    login: {},
    force: false,
    operator: { user: "tester", machine: "here", pid: process.pid },
    dial: dialTcp,
    connect: rig.connect,
    progress: noProgress,
    ...change,
  };
}
