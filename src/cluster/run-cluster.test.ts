import assert from "node:assert/strict";
import {
  access,
  chmod,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { SealerError } from "#errors";
import { ClusterRig, lookForReal } from "../../test/fakes/cluster-rig.ts";
import { imageScripts } from "../../test/fakes/kubernetes-programs.ts";
import { takeLock } from "../../test/fakes/take-lock.ts";
import { planRun, runCluster } from "./run-cluster.ts";

const [zero, second, node] = ["10.0.0.1", "10.0.0.2", "10.0.0.3"];

test("bare hosts become a cluster, and the same run again does nothing", async () => {
  await using rig = await ClusterRig.make([zero, second], [node], lookForReal);
  const options = await rig.options({}, { says: { commands: ["echo $(hostname) runs > /srv/command"] } });

  const first = await runCluster(options);
  const noted = await rig.hosts.noted();
  const second_ = await runCluster({ ...options, login: {} });

  assert.equal(first.steps.failed, 0);
  assert.deepEqual(second_.steps, { done: 0, skipped: first.steps.done, failed: 0 });
  assert.deepEqual(await rig.hosts.noted(), noted);
  assert.deepEqual(joins(noted), ["host-1 kubeadm init", "host-2 kubeadm join", "host-3 kubeadm join"]);
  assert.equal(await shared(rig, "command"), "host-1 runs\n");
  assert.deepEqual((await file(rig, second, "etc/hosts")).split("\n"), [
    "127.0.0.1 localhost",
    "10.0.0.2 apiserver.cluster.local # sealer mine",
    "10.0.0.1 sea.hub # sealer mine",
    "10.0.0.1 host-1 # sealer mine",
    "10.0.0.2 host-2 # sealer mine",
    "10.0.0.3 host-3 # sealer mine",
    "",
  ]);
});

test("names go into /etc/hosts without changing its mode, a link, or lines of others", async () => {
  await using rig = await ClusterRig.make([zero, second], []);
  const etc = join(rig.hosts.at(second).files, "etc");
  await rename(join(etc, "hosts"), join(etc, "real-hosts"));
  await writeFile(join(etc, "real-hosts"), "10.0.0.1 host-1 # sealer mine-too\n10.0.0.9 last", {
    mode: 0o640,
  });
  await chmod(join(etc, "real-hosts"), 0o640);
  await symlink("real-hosts", join(etc, "hosts"));

  await runCluster(await rig.options());

  assert.equal(await readlink(join(etc, "hosts")), "real-hosts");
  assert.equal((await stat(join(etc, "real-hosts"))).mode & 0o7777, 0o640);
  const lines = (await readFile(join(etc, "real-hosts"), "utf8")).split("\n");
  assert.deepEqual(lines.slice(0, 3), [
    "10.0.0.1 host-1 # sealer mine-too",
    "10.0.0.9 last",
    "10.0.0.2 apiserver.cluster.local # sealer mine",
  ]);
  assert.ok(!(await readdir(etc)).some((name) => /hosts.*sealer-new/.test(name)));
});

test("a later layer replaces, takes away and makes opaque what is below it, and drops setuid", async () => {
  await using rig = await ClusterRig.make([zero], []);
  const options = await rig.options(
    {},
    {
      files: [
        {
          ...imageScripts,
          "etc/old": "old",
          "etc/kept": "kept",
          "opaque/below": "x",
          "was-folder/a": "x",
          "was-file": "x",
        },
        {
          "etc/.wh.old": "",
          "opaque/.wh..wh..opq": "",
          "opaque/above": "y",
          "was-folder": "file",
          "was-file/b": "y",
          "bin/setuid": "z",
        },
      ],
    },
  );

  await runCluster(options);

  const rootfs = join(rig.hosts.at(zero).files, "var/lib/sealer/data/mine/rootfs");
  assert.deepEqual((await readdir(join(rootfs, "etc"))).sort(), ["kept", "registry_htpasswd"]);
  assert.deepEqual(await readdir(join(rootfs, "opaque")), ["above"]);
  assert.equal(await readFile(join(rootfs, "was-folder"), "utf8"), "file");
  assert.equal(await readFile(join(rootfs, "was-file/b"), "utf8"), "y");
  assert.equal((await stat(join(rootfs, "bin/setuid"))).mode & 0o7777, 0o755);
});

test("when a step fails on one host the others go on, and the same run ends it", async () => {
  await using rig = await ClusterRig.make([zero], [second, node]);
  const options = await rig.options();
  await writeFile(
    join(rig.hosts.at(node).files, "etc/fake/init"),
    "echo one; echo no libraries here >&2; exit 3\n",
  );

  const error = await failure(runCluster(options));
  await rm(join(rig.hosts.at(node).files, "etc/fake/init"));
  const result = await runCluster(options);

  assert.equal(error.code, "STEPS_FAILED");
  assert.equal(error.exitCode, 4);
  assert.match(error.message, /10\.0\.0\.3: Prepare the host: .*exited 3.*\n.*no libraries here/s);
  assert.match(error.hint ?? "", /Run the same command again/);
  assert.equal(result.steps.done, 4);
  const noted = await rig.hosts.noted();
  assert.deepEqual(joins(noted), ["host-1 kubeadm init", "host-2 kubeadm join", "host-3 kubeadm join"]);
});

test("a node that kubeadm left half-way is reset, and only that one", async () => {
  await using rig = await ClusterRig.make([zero], [second, node]);
  const options = await rig.options();
  await writeFile(join(rig.hosts.at(node).files, "etc/fake/kubeadm-join"), "echo timed out >&2; exit 1\n");

  await assert.rejects(runCluster(options), { code: "STEPS_FAILED", message: /Join as a node.*timed out/s });
  await rm(join(rig.hosts.at(node).files, "etc/fake/kubeadm-join"));
  await runCluster(options);

  const noted = await rig.hosts.noted();
  assert.deepEqual(
    noted.filter((line) => line.includes("reset")),
    ["host-3 kubeadm reset"],
  );
});

test("a node that somebody took out of the cluster is reset and joins again, at the first attempt", async () => {
  await using rig = await ClusterRig.make([zero], [node]);
  const options = await rig.options();
  await runCluster(options);
  await rm(join(rig.hosts.folder, "shared/nodes/host-2"));

  await runCluster(options);

  const onNode = (await rig.hosts.noted()).filter((line) => /host-2 kubeadm (join|reset)/.test(line));
  assert.deepEqual(onNode, ["host-2 kubeadm join", "host-2 kubeadm reset", "host-2 kubeadm join"]);
});

test("a reset leaves an etcd on a node that is no master, and the kubelet's login to a closed registry", async () => {
  await using rig = await ClusterRig.make([zero], [node]);
  const seesNoLogin = "if [ -e /etc/fake/kubeadm-join ]; then [ ! -e /var/lib/kubelet/config.json ]; fi\n";
  const options = await rig.options(
    {},
    {
      files: [{ ...imageScripts, "scripts/init.sh": seesNoLogin + imageScripts["scripts/init.sh"] }],
      says: { registry: { domain: "sea.hub", port: 5000, login: { username: "me", password: "open" } } },
    },
  );
  const { files } = rig.hosts.at(node);
  await mkdir(join(files, "var/lib/etcd"));
  await writeFile(join(files, "var/lib/etcd/theirs"), "data");
  await writeFile(join(files, "etc/fake/kubeadm-join"), "exit 1\n");

  await assert.rejects(runCluster(options), { code: "STEPS_FAILED", message: /Join as a node/ });
  await rm(join(files, "etc/fake/kubeadm-join"));
  await runCluster(options);

  assert.ok((await rig.hosts.noted()).includes("host-2 kubeadm reset"));
  assert.equal(await readFile(join(files, "var/lib/etcd/theirs"), "utf8"), "data");
  const login = join(files, "var/lib/kubelet/config.json");
  assert.match(await readFile(login, "utf8"), /"sea\.hub:5000"/);
  assert.equal((await stat(login)).mode & 0o777, 0o600);
});

test("an init that stopped half-way begins again", async () => {
  await using rig = await ClusterRig.make([zero], [node]);
  const options = await rig.options();
  await writeFile(join(rig.hosts.at(zero).files, "etc/fake/kubeadm-init"), "exit 1\n");

  await assert.rejects(runCluster(options), { code: "STEPS_FAILED" });
  await rm(join(rig.hosts.at(zero).files, "etc/fake/kubeadm-init"));
  await runCluster(options);

  assert.deepEqual(
    (await rig.hosts.noted()).filter((line) => / kubeadm (init|reset)/.test(line)),
    ["host-1 kubeadm init", "host-1 kubeadm reset", "host-1 kubeadm init"],
  );
});

test("everything that is wrong with the hosts is told at once, and nothing is changed", async () => {
  await using rig = await ClusterRig.make([zero, second], [node]);
  await writeFile(join(rig.hosts.at(zero).files, "etc/fake/address"), "10.9.9.9\n");
  await writeFile(join(rig.hosts.at(second).files, "etc/fake/nproc"), "1\n");
  await mkdir(join(rig.hosts.at(node).files, "etc/kubernetes"), { recursive: true });
  await writeFile(join(rig.hosts.at(node).files, "etc/kubernetes/kubelet.conf"), "theirs\n");

  const error = await failure(runCluster(await rig.options()));

  assert.equal(error.code, "HOST_UNFIT");
  assert.match(
    error.message,
    /10\.0\.0\.1: it has no interface with the address 10\.0\.0\.1 \(it has 10\.9\.9\.9\)/,
  );
  assert.match(error.message, /10\.0\.0\.2: a master needs 2 processors, it has 1/);
  assert.match(error.message, /10\.0\.0\.3: Kubernetes is there already/);
  for (const { files } of rig.hosts.hosts) await assert.rejects(access(join(files, "var/lib/sealer")));
  await assert.rejects(access(join(rig.home, "mine/state.json")));
});

test("a variable of the image that would lead root's programs astray is refused before anything is done", async () => {
  await using rig = await ClusterRig.make([zero], []);
  const options = await rig.options({}, { says: { env: { UID: "5" } } });

  await assert.rejects(runCluster(options), { code: "CONFIG_INVALID", message: /UID/ });
  await assert.rejects(planRun(options), { code: "CONFIG_INVALID", message: /UID/ });

  await assert.rejects(access(join(rig.hosts.at(zero).files, "var/lib/sealer")));
});

test("hosts that cannot be reached are all told, and nothing is changed", async () => {
  await using rig = await ClusterRig.make([zero], [second, node]);
  rig.down.add(second).add(node);

  const error = await failure(runCluster(await rig.options()));

  assert.equal(error.code, "HOST_UNREACHABLE");
  assert.match(error.message, /10\.0\.0\.2: connection refused\n.*10\.0\.0\.3: connection refused/s);
  await assert.rejects(access(join(rig.hosts.at(zero).files, "var/lib/sealer")));
});

test("a node that does not become Ready is told with its reason, and the pods that do not run", async () => {
  await using rig = await ClusterRig.make([zero], [node]);
  await mkdir(join(rig.hosts.folder, "shared/not-ready"));
  await writeFile(join(rig.hosts.folder, "shared/not-ready/host-2"), "");

  const error = await failure(runCluster(await rig.options({ readyDeadline: 1 })));

  assert.match(error.message, /host-2: KubeletNotReady: the network is not ready/);
  assert.match(error.message, /pod kube-system\/net on host-1: Pending, ImagePullBackOff \(no such image\)/);
});

test("a script that hangs is given up, with what it said last, and the same run goes on", async () => {
  await using rig = await ClusterRig.make([zero], []);
  const hang = join(rig.hosts.at(zero).files, "etc/fake/init");
  await writeFile(hang, "echo waiting for the disk; sleep 600\n");

  await assert.rejects(runCluster(await rig.options({ stepDeadline: 5000 })), {
    code: "STEPS_FAILED",
    message: /10\.0\.0\.1: Prepare the host: it has not ended within .* it said last: waiting for the disk/,
  });
  await rm(hang);
  await runCluster(await rig.options());
});

test("a run with more hosts adds them; fewer hosts, another first master or another image are refused", async () => {
  await using rig = await ClusterRig.make([zero, second], [node]);
  const options = await rig.options({ desired: rig.desired([zero], [node]) });
  await runCluster(options);

  const more = await runCluster({ ...options, desired: rig.desired([zero, second], [node]) });
  const fewer = runCluster({ ...options, desired: rig.desired([zero], [node]) });
  await assert.rejects(fewer, { code: "CLUSTER_EXISTS", message: /10\.0\.0\.2 \(master\)/ });
  const other = runCluster({ ...options, desired: rig.desired([second, zero], [node]) });
  await assert.rejects(other, { code: "CLUSTER_EXISTS" });
  const { blueprint, content } = await rig.options({}, { files: [{ ...imageScripts, "etc/more": "x" }] });
  const all = rig.desired([zero, second], [node]);
  await assert.rejects(runCluster({ ...options, desired: all, blueprint, content }), {
    code: "CLUSTER_EXISTS",
    message: /runs another image/,
  });

  assert.equal(more.steps.failed, 0);
  assert.deepEqual(joins(await rig.hosts.noted()), [
    "host-1 kubeadm init",
    "host-2 kubeadm join",
    "host-3 kubeadm join",
  ]);
});

test("of a cluster that this machine does not know, hosts keep their parts, and the image stays", async () => {
  await using rig = await ClusterRig.make([zero, second], [node]);
  const options = await rig.options();
  await runCluster(options);
  const hostsFiles = () => Promise.all([zero, second, node].map((host) => file(rig, host, "etc/hosts")));
  const before = await hostsFiles();
  await rm(join(rig.home, "mine"), { recursive: true });
  const other = await rig.options({}, { files: [{ ...imageScripts, "etc/more": "x" }] });

  await assert.rejects(runCluster({ ...options, desired: rig.desired([node], []) }), {
    code: "CLUSTER_EXISTS",
    message: /10\.0\.0\.3 as a node/,
  });
  await assert.rejects(runCluster({ ...options, desired: rig.desired([zero], [second, node]) }), {
    code: "CLUSTER_EXISTS",
    message: /10\.0\.0\.2 as a further master/,
  });
  await assert.rejects(runCluster(other), { code: "CLUSTER_EXISTS", message: /runs another image/ });
  assert.deepEqual(await hostsFiles(), before);
  await assert.rejects(access(join(rig.home, "mine/state.json")));
  const noted = joins(await rig.hosts.noted());
  await runCluster(options);

  assert.deepEqual(joins(await rig.hosts.noted()), noted);
});

test("of two runs at once the second is refused and told who holds the cluster", async () => {
  await using rig = await ClusterRig.make([zero], []);
  const options = await rig.options();
  const gate = join(rig.hosts.folder, "shared/gate");
  await writeFile(
    join(rig.hosts.at(zero).files, "etc/fake/init"),
    "until [ -e /srv/gate ]; do sleep 0.05; done\n",
  );
  const first = runCluster(options);
  await until(async () => (await rig.hosts.noted()).length > 0);

  const here = await failure(runCluster(options));
  const elsewhere = await failure(runCluster({ ...options, home: join(rig.home, "other") }));
  await writeFile(gate, "");
  await first;

  assert.deepEqual([here.code, here.exitCode], ["CLUSTER_LOCKED", 5]);
  assert.match(here.message, new RegExp(`process ${process.pid} .*since`));
  assert.deepEqual([elsewhere.code, elsewhere.where], ["CLUSTER_LOCKED", zero]);
  assert.match(elsewhere.message, /tester \(process \d+\) on here since .*\(run kubernetes:v1\.20\.2\)/);
});

test("a run that has lost its lock to another one, after its connection broke, begins nothing more", async () => {
  await using rig = await ClusterRig.make([zero], []);
  const gate = "until [ -e /srv/gate ]; do sleep 0.05; done\n";
  await writeFile(join(rig.hosts.at(zero).files, "etc/fake/init"), gate);
  const running = failure(runCluster(await rig.options()));
  await until(async () => (await rig.hosts.noted()).length > 0);

  await using _other = await takeLock(lookForReal(rig.hosts.at(zero)), '{"cluster":"other","who":"them"}');
  const error = await running;

  assert.deepEqual([error.code, error.exitCode], ["CLUSTER_LOCKED", 5]);
  assert.match(error.message, /the cluster other is being changed by them/);
  assert.deepEqual(joins(await rig.hosts.noted()), []);
});

test("interrupted, it lets kubeadm end on its host, and the same run finds that it did", async () => {
  await using rig = await ClusterRig.make([zero], []);
  const interruption = new AbortController();
  await writeFile(
    join(rig.hosts.at(zero).files, "etc/fake/kubeadm-init"),
    "until [ -e /srv/gate ]; do sleep 0.05; done\n",
  );
  const options = await rig.options();
  const running = runCluster({ ...options, signal: interruption.signal });
  await until(async () => (await rig.hosts.noted()).some((line) => line.includes("kubeadm init")));

  interruption.abort(new SealerError("INTERRUPTED", "stopped by SIGINT"));
  await assert.rejects(running, { code: "INTERRUPTED", exitCode: 130 });
  await writeFile(join(rig.hosts.folder, "shared/gate"), "");
  await runCluster(options);

  const noted = await rig.hosts.noted();
  assert.deepEqual(
    noted.filter((line) => / kubeadm (init$|reset)/.test(line)),
    ["host-1 kubeadm init"],
  );
});

test("a plan tells what is missing and changes nothing", async () => {
  await using rig = await ClusterRig.make([zero], [node]);
  const options = await rig.options();

  const before = await planRun(options);
  await assert.rejects(access(join(rig.hosts.at(zero).files, "var/lib/sealer")));
  await runCluster(options);
  const after = await planRun(options);

  assert.ok(
    before.steps.some(
      ({ kind, host, why }) => kind === "join-node" && host === node && why === "not done yet",
    ),
  );
  assert.deepEqual(after.steps, []);
});

function joins(noted: readonly string[]): readonly string[] {
  return noted.filter((line) => / kubeadm (init|join)/.test(line)).sort();
}

async function failure(work: Promise<unknown>): Promise<SealerError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof SealerError) return error;
  throw error ?? new Error("it was to fail");
}

async function until(met: () => Promise<boolean>): Promise<void> {
  while (!(await met())) await new Promise((resolve) => setTimeout(resolve, 20));
}

function file(rig: ClusterRig, address: string, path: string): Promise<string> {
  return readFile(join(rig.hosts.at(address).files, path), "utf8");
}

function shared(rig: ClusterRig, path: string): Promise<string> {
  return readFile(join(rig.hosts.folder, "shared", path), "utf8");
}
