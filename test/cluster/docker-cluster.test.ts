import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { differences, freshHosts, inside, pageFrom, portrait, type TestHost } from "./support/hosts.ts";
import { buildImages } from "./support/images.ts";
import { sealer, sealerDone, sealerJson } from "./support/sealer.ts";

const cluster = "docker-journey";
const foreign = [
  ...[
    "docker",
    "dockerd",
    "containerd",
    "ctr",
    "runc",
    "conntrack",
    "crictl",
    "nerdctl",
    "socat",
    "ebtables",
    "ethtool",
  ],
  ...["ipset", "ipvsadm", "kubeadm", "kubelet", "kubectl", "etcd", "zstd", "jq"],
];

let hosts: TestHost[] = [];
let master: TestHost;
let worker: TestHost;
let privateKey = "";
const atFirst = new Map<string, Map<string, string>>();

before(async () => {
  buildImages("docker");
  ({ hosts, privateKey } = await freshHosts(cluster, ["m1", "w1"]));
  [master, worker] = hosts as [TestHost, TestHost];
});

after(async () => {
  await sealer(["delete", "--cluster-name", cluster, "--all", "--force"]);
  await sealer(["sandbox", "delete", cluster]);
});

const run = () =>
  sealerJson<{ steps: { done: number; skipped: number; failed: number } }>(
    ...[
      "run",
      "web:1.0",
      "--cluster-name",
      cluster,
      "-m",
      master.address,
      "-n",
      worker.address,
      "--pk",
      privateKey,
    ],
  );

test("the hosts are bare: nothing of what a cluster needs is there", async () => {
  for (const host of hosts) {
    const found = await inside(
      host,
      `for p in ${foreign.join(" ")}; do command -v $p; done; ls /opt/cni 2>/dev/null; true`,
    );
    assert.equal(found.trim(), "", host.name);
    atFirst.set(host.name, await portrait(host));
  }
});

test("one command makes a Ready cluster of them", async () => {
  const { steps } = await run();
  assert.equal(steps.failed, 0);
  const nodes = await inside(
    master,
    "kubectl --kubeconfig /etc/kubernetes/admin.conf get nodes --no-headers",
  );
  assert.match(nodes, /^m1\s+Ready\s.*\nw1\s+Ready\s/m);
});

test("the application runs on the worker and answers through a NodePort", async () => {
  const kubectl = "kubectl --kubeconfig /etc/kubernetes/admin.conf";
  await inside(master, `${kubectl} rollout status daemonset/web --timeout=120s`);
  const pods = await inside(master, `${kubectl} get pods -l app=web -o wide --no-headers`);
  assert.match(pods, /Running.*\bw1\b/);
  for (const { address } of hosts) {
    assert.match(await pageFrom(master, address, 30080), /hello/i, address);
  }
});

test("pods of both hosts reach each other and find services by name", async () => {
  const kubectl = "kubectl --kubeconfig /etc/kubernetes/admin.conf";
  await inside(master, `${kubectl} -n kube-system rollout status deployment/coredns --timeout=120s`);
  const pod = (await inside(master, `${kubectl} get pods -l app=web -o name | head -1`)).trim();
  const page = await inside(
    master,
    `for ip in $(${kubectl} get pods -l app=web -o jsonpath='{.items[*].status.podIP}'); do ${kubectl} exec ${pod} -- wget -qO- http://$ip:8080/ || exit 1; done
     ${kubectl} exec ${pod} -- wget -qO- http://web.default.svc.cluster.local/`,
  );
  assert.match(page, /hello/i);
});

test("the images came from sea.hub:5000, and the hosts had no other network", async () => {
  const images = await inside(worker, "docker images --format '{{.Repository}}:{{.Tag}}'");
  assert.match(images, /^sea\.hub:5000\//m);
  assert.deepEqual(
    images.split("\n").filter((name) => name && !name.startsWith("sea.hub:5000/")),
    [],
  );
  const links = await inside(
    worker,
    "ip -o link | awk -F': ' '{print $2}' | grep -vE '^(lo|eth0|docker0|cni0|veth|kube-)'; true",
  );
  assert.equal(links.trim(), "");
});

test("the same run again changes nothing and says so", async () => {
  const { steps } = await run();
  assert.deepEqual([steps.done, steps.failed], [0, 0]);
  assert.ok(steps.skipped > 0);
});

test("exec and status need no password and tell what is there", async () => {
  const { code, stdout } = await sealer(["exec", "--cluster-name", cluster, "--", "hostname"]);
  assert.equal(code, 0);
  assert.match(stdout, /m1/);
  assert.match(stdout, /w1/);
  const onMaster = await sealer(["exec", "--cluster-name", cluster, "-r", "master", "exit 3"]);
  assert.equal(onMaster.code, 4);
  const status = await sealerJson<{
    hosts: { name: string; ready: boolean; version: string; roles: string[] }[];
  }>(...["status", "--cluster-name", cluster]);
  assert.deepEqual(
    status.hosts.map(({ name, ready, version }) => [name, ready, version]),
    [
      ["m1", true, "v1.20.2"],
      ["w1", true, "v1.20.2"],
    ],
  );
});

test("a worker that loses its power comes back by itself, pods and routes too", async () => {
  await sealerDone("sandbox", "stop", cluster, "w1");
  await sealerDone("sandbox", "start", cluster, "w1");
  const answer = await pageFrom(master, worker.address, 30080);
  assert.match(answer, /hello/i);
});

test("delete gives the hosts back as they were", async () => {
  await sealerDone("delete", "--cluster-name", cluster, "--all", "--force");
  for (const host of hosts) {
    const left = differences(atFirst.get(host.name)!, await portrait(host)).filter(
      (line) => !expected.test(line),
    );
    assert.deepEqual(left, [], host.name);
  }
});

test("a second run on the same hosts works, and delete again", async () => {
  const { steps } = await run();
  assert.equal(steps.failed, 0);
  const nodes = await inside(
    master,
    "kubectl --kubeconfig /etc/kubernetes/admin.conf get nodes --no-headers",
  );
  assert.equal(nodes.match(/\sReady\s/g)?.length, 2);
  await sealerDone("delete", "--cluster-name", cluster, "--all", "--force");
  const again = await sealer(["delete", "--cluster-name", cluster, "--all", "--force"]);
  assert.equal(again.code, 0, again.stderr);
});

/** Logs and caches of the host's own programs, which write them whatever sealer does. */
const expected =
  /^files: [+-] \/(var\/log\/|var\/lib\/systemd\/|root\/\.bash_history|etc\/ld\.so\.cache|var\/cache\/ldconfig)/;
