import assert from "node:assert/strict";
import { test } from "node:test";
import { clusterFromFlags } from "#clusterfile";
import type { NodeState } from "#kubernetes";
import { bareHost } from "../../test/fakes/observed-hosts.ts";
import { blueprintOf } from "../../test/fakes/test-blueprint.ts";
import type { ObservedHost, Receipt } from "./observed-cluster.ts";
import { type Plan, type PlanFacts, planChange } from "./plan-change.ts";

const [zero, second, node] = ["10.0.0.1", "10.0.0.2", "10.0.0.3"];

test("the same facts give the same plan, in which needs come first", async () => {
  const facts = await factsOf();

  const plan = planChange(facts);

  assert.deepEqual(planChange(facts), plan);
  const ids = plan.steps.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
  for (const { id, needs } of plan.steps) {
    for (const need of needs) assert.ok(ids.indexOf(need) < ids.indexOf(id), `${id} needs ${need}`);
  }
});

test("masters join one after the other, nodes at once, and commands follow in their order", async () => {
  const third = "10.0.0.4";
  const { steps } = planChange(
    await factsOf({ masters: [zero, second, third], commands: ["first", "second"] }),
  );
  const needsOf = (id: string) => steps.find((step) => step.id === id)?.needs ?? [];

  assert.ok(!needsOf(`join-master@${second}`).some((need) => need.startsWith("join")));
  assert.ok(needsOf(`join-master@${third}`).includes(`join-master@${second}`));
  assert.ok(!needsOf(`join-node@${node}`).some((need) => need.startsWith("join")));
  assert.deepEqual(needsOf(`run-command-2@${zero}`), [`run-command-1@${zero}`]);
});

test("a complete cluster needs nothing", async () => {
  const facts = await completed();

  assert.deepEqual(kinds(planChange(facts)), []);
});

for (const [what, change, expected] of [
  ["a stopped runtime", { active: new Set<string>() }, ["init-host docker is not running"]],
  ["a lost rootfs", { hasRootfs: false }, ["send-rootfs the rootfs is gone", "init-host the rootfs is gone"]],
  [
    "a line taken out of /etc/hosts",
    { hostsFile: "127.0.0.1 localhost\n" },
    ["write-hosts-file its lines are not those"],
  ],
  [
    "a receipt that is gone",
    { receipts: new Map<string, Receipt>() },
    ["send-rootfs not done yet", "init-host not done yet"],
  ],
] as const) {
  test(`${what} on a node is mended there, without joining it again`, async () => {
    const facts = await completed({ [node]: { ...change, begun: new Set([`join-node@${node}`]) } });
    const { steps } = planChange(facts);

    assert.deepEqual(
      steps.filter(({ host }) => host === node).map(({ kind, why }) => `${kind} ${why}`),
      expected,
    );
    assert.deepEqual(
      steps.filter(({ host }) => host !== node),
      [],
    );
  });
}

test("without its rootfs the registry has lost its certificate, and is started anew", async () => {
  const facts = await completed({ [zero]: { hasRootfs: false } });

  assert.ok(kinds(planChange(facts)).includes("start-registry"));
});

test("a node that somebody has taken out of the cluster joins again, and is made free of what is left first", async () => {
  const facts = await completed();
  const observed = {
    ...facts.observed,
    nodes: facts.observed.nodes?.filter(({ name }) => name !== "host-3"),
  };

  const { steps } = planChange({ ...facts, observed });

  const join = steps.find(({ kind }) => kind === "join-node");
  assert.equal(join?.kind === "join-node" && join.rejoin, true);
});

test("a silent API server makes nobody join again", async () => {
  const facts = await completed();

  const plan = planChange({ ...facts, observed: { ...facts.observed, nodes: undefined } });

  assert.deepEqual(kinds(plan), ["wait-ready"]);
});

test("a first master that lost its control plane, or its receipt under others, is not reset", async () => {
  const lost = await completed({ [zero]: { kubernetesFiles: new Set() } });
  assert.throws(() => planChange(lost), { code: "CLUSTER_NOT_READY", message: /its control plane is gone/ });

  const facts = await completed({
    [zero]: { receipts: new Map(), begun: new Set([`kubeadm-init@${zero}`]) },
  });
  assert.ok(!kinds(planChange(facts)).includes("kubeadm-init"));
  const silent = { ...facts, observed: { ...facts.observed, nodes: undefined } };
  assert.throws(() => planChange(silent), { code: "CLUSTER_NOT_READY", message: /joined it/ });
});

test("a host does not take the place of another node that has its name", async () => {
  const facts = await completed({ [second]: { receipts: new Map() } });
  const nodes = facts.observed.nodes?.map((one) => ({ ...one, addresses: ["10.0.9.9"] }));

  assert.throws(() => planChange({ ...facts, observed: { ...facts.observed, nodes } }), {
    code: "CLUSTER_NOT_READY",
    message: /10\.0\.0\.2: the cluster has a node host-2 already, with the address 10\.0\.9\.9/,
  });
});

test("a host whose name was changed is not reset, nor waited for by its new name", async () => {
  const facts = await completed();
  for (const address of [zero, second, node]) {
    const hosts = new Map(facts.observed.hosts);
    hosts.set(address, { ...bareHost(address), ...hosts.get(address), hostname: "Renamed" });

    assert.throws(() => planChange({ ...facts, observed: { ...facts.observed, hosts } }), {
      code: "CLUSTER_NOT_READY",
      message: /its node in the cluster is host-\d, but its host name is renamed now/,
    });
  }
});

test("a master is not taken for joined before kubeadm has marked it", async () => {
  const facts = await completed({
    [second]: { receipts: new Map(), begun: new Set([`join-master@${second}`]) },
  });
  const unmarked = facts.observed.nodes?.map((one) =>
    one.name === "host-2" ? { ...one, controlPlane: false } : one,
  );

  const adopted = planChange(facts);
  const begun = planChange({ ...facts, observed: { ...facts.observed, nodes: unmarked } });

  assert.ok(!kinds(adopted).includes("join-master"));
  assert.ok(kinds(begun).includes("join-master"));
});

function kinds({ steps }: Plan): readonly string[] {
  return steps.map(({ kind }) => kind);
}

async function factsOf({
  masters = [zero, second],
  commands = [] as readonly string[],
} = {}): Promise<PlanFacts> {
  const desired = clusterFromFlags({
    name: "mine",
    image: "kubernetes:v1.20.2",
    masters: masters.map((address) => ({ address })),
    nodes: [{ address: node }],
    user: "root",
    port: 22,
    env: [],
    cmdArgs: [],
  });
  const { blueprint } = await blueprintOf([{ a: "b" }], { commands });
  const platforms = blueprint.platforms.map((one) => ({
    ...one,
    platform: { os: "linux", architecture: "amd64" },
  }));
  return {
    desired,
    blueprint: { ...blueprint, platforms },
    observed: {
      hosts: new Map(desired.hosts.map(({ address }) => [address, bareHost(address)])),
      nodes: undefined,
      hasAccess: false,
    },
    publicKey: "ssh-ed25519 AAAA",
    registry: {
      domain: "sea.hub",
      port: 5000,
      username: "sealer",
      closed: false,
      caDigest: "a",
      secretsDigest: "b",
    },
  };
}

/** The facts after everything of the plan for bare hosts was done, with changes to single hosts. */
async function completed(changes: Readonly<Record<string, Partial<ObservedHost>>> = {}): Promise<PlanFacts> {
  const facts = await factsOf();
  const { steps } = planChange(facts);
  const hosts = facts.desired.hosts.map(({ address, roles }): ObservedHost => {
    const mine = steps.filter(({ host }) => host === address);
    const receipts = new Map(mine.map(({ id, inputs }) => [id, { inputs, text: `${id} ${inputs}` }]));
    const isMaster = roles.includes("master");
    const lines = mine.flatMap((step) => (step.kind === "write-hosts-file" ? step.lines : []));
    const own = isMaster ? [`${address} apiserver.cluster.local`, ...lines.slice(1)] : lines;
    return bareHost(address, {
      receipts,
      hasRootfs: true,
      byClusterKey: true,
      active: new Set(["docker", "kubelet"]),
      listening: new Set([22, 5000, 6443]),
      kubernetesFiles: new Set(isMaster ? ["admin.conf", "kubelet.conf", "manifests"] : ["kubelet.conf"]),
      hostsFile: ["127.0.0.1 localhost", ...own.map((line) => `${line} # sealer mine`), ""].join("\n"),
      ...changes[address],
    });
  });
  return {
    ...facts,
    observed: {
      hosts: new Map(hosts.map((host) => [host.address, host])),
      nodes: hosts.map(({ hostname, address }): NodeState => {
        const controlPlane = address !== node;
        return {
          name: hostname,
          addresses: [address],
          ready: true,
          unschedulable: false,
          controlPlane,
          version: "v1.20.2",
          problems: [],
        };
      }),
      hasAccess: true,
    },
  };
}
