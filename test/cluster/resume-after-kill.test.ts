import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { ProgressEvent } from "#progress";
import { freshHosts, inside, pageFrom, type TestHost } from "./support/hosts.ts";
import { buildImages } from "./support/images.ts";
import { sealer, sealerJson, sealerKilled } from "./support/sealer.ts";

/* containerd instead of docker, two workers, a password instead of a key, and SIGKILL three times on the way. */
const cluster = "kill-journey";
let hosts: TestHost[] = [];
let password = "";

before(async () => {
  buildImages("containerd");
  ({ hosts, password } = await freshHosts(cluster, ["m1", "w1", "w2"]));
});

after(async () => {
  await sealer(["delete", "--cluster-name", cluster, "--all", "--force"]);
  await sealer(["sandbox", "delete", cluster]);
});

const run = () => {
  const [master, ...workers] = hosts.map(({ address }) => address);
  const address = (list: string[]) => list.join(",");
  const login = ["-u", "root", "-p", password];
  return [
    "run",
    "web:1.0-containerd",
    "--cluster-name",
    cluster,
    "-m",
    master!,
    "-n",
    address(workers),
    ...login,
  ];
};

const started = (title: RegExp) => (event: ProgressEvent) =>
  event.type === "task-started" && title.test(event.title);

for (const [moment, title, after] of [
  ["while the hosts are being filled", /rootfs/i, 500],
  ["during kubeadm init", /control plane|kubeadm init/i, 4000],
  ["during a join", /join/i, 1500],
] as const) {
  test(`is killed ${moment}`, async () => {
    const { killed, stderr } = await sealerKilled(run(), started(title), { after });
    assert.ok(killed, `no step like ${title} began:\n${stderr}`);
  });
}

test("ends with the same Ready cluster when the same command is run again", async () => {
  const { steps } = await sealerJson<{ steps: { failed: number } }>(...run());
  assert.equal(steps.failed, 0);
  const nodes = await inside(
    hosts[0]!,
    "kubectl --kubeconfig /etc/kubernetes/admin.conf get nodes --no-headers",
  );
  assert.deepEqual(
    nodes
      .trim()
      .split("\n")
      .map((line) => line.split(/\s+/).slice(0, 2)),
    [
      ["m1", "Ready"],
      ["w1", "Ready"],
      ["w2", "Ready"],
    ],
  );
});

test("its workers took their images from the cluster's registry", async () => {
  const kubectl = "kubectl --kubeconfig /etc/kubernetes/admin.conf";
  await inside(hosts[0]!, `${kubectl} rollout status daemonset/web --timeout=120s`);
  const images = await inside(hosts[1]!, "ctr -n k8s.io images list -q");
  assert.match(images, /^sea\.hub:5000\/.*kube-proxy/m);
  assert.match(images, /^sea\.hub:5000\/examples\/web/m);
});

test("runs the commands of the image once, however often it was killed", async () => {
  const answer = await pageFrom(hosts[0]!, hosts[1]!.address, 30080);
  assert.match(answer, /hello/i);
});

test("a password is nowhere on the hosts nor in what sealer keeps", async () => {
  const { stdout } = await sealer(["status", "--cluster-name", cluster]);
  assert.doesNotMatch(stdout, new RegExp(password));
  for (const host of hosts) {
    const found = await inside(
      host,
      `grep -rlF -- '${password}' /etc /root /var/lib/sealer /var/log /tmp 2>/dev/null; true`,
    );
    assert.equal(found, "");
  }
});
