import { randomBytes } from "node:crypto";
import { type DesiredCluster, masterZeroOf } from "#clusterfile";
import { mapLimited } from "#concurrency";
import type { ContentSource } from "#content";
import { SealerError } from "#errors";
import type { Dial } from "#hosts";
import type { KubeadmCluster } from "#kubernetes";
import { digestOf } from "#oci";
import type { Progress } from "#progress";
import type { Blueprint } from "./blueprint.ts";
import { ClusterHome, type ClusterState } from "./cluster-home.ts";
import { type Connect, type Connections, connectHosts, type Login } from "./connect-hosts.ts";
import { doStep } from "./do-step.ts";
import { execute } from "./execute.ts";
import { findUnfit } from "./find-unfit.ts";
import { JoinAccessGiver } from "./join-access.ts";
import { lockHere, lockHosts, type Operator } from "./lock-cluster.ts";
import { observeHost, observeNodes } from "./observe.ts";
import type { ObservedCluster } from "./observed-cluster.ts";
import { type Plan, planChange } from "./plan-change.ts";
import { type RegistryPki, registryPki } from "./registry-pki.ts";
import type { Site } from "./site.ts";
import { stepsFailed } from "./steps-failed.ts";

export interface RunClusterOptions {
  readonly desired: DesiredCluster;
  /** What the image says. */
  readonly blueprint: Blueprint;
  /** Where the image is. */
  readonly content: ContentSource;
  /** The folder of all clusters. */
  readonly home: string;
  readonly login: Login;
  /** Whether to install a key of the cluster's own on the hosts. */
  readonly ownKey: boolean;
  readonly provider?: "sandbox" | undefined;
  readonly operator: Operator;
  readonly dial: Dial;
  readonly connect?: Connect;
  readonly progress: Progress;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds until nodes that are not Ready make the run fail; 10 minutes by default. */
  readonly readyDeadline?: number;
}

export interface RunResult {
  readonly cluster: string;
  readonly image: string;
  readonly steps: { readonly done: number; readonly skipped: number; readonly failed: number };
  readonly seconds: number;
}

/**
 * Takes hosts to a cluster that runs the image: looks, plans, does what is missing. Run again it goes on where it was
 * stopped, and does nothing where nothing is missing.
 * @throws HOST_UNFIT before anything is changed; STEPS_FAILED, CLUSTER_LOCKED, CLUSTER_EXISTS, CLUSTER_NOT_READY
 */
export async function runCluster(options: RunClusterOptions): Promise<RunResult> {
  const start = performance.now();
  const { desired, blueprint, progress, signal } = options;
  const home = new ClusterHome(options.home, desired.name);
  await using _here = await lockHere(options.home, desired.name, `run ${desired.image}`);
  await home.prepare();
  const state = await home.load();
  checkHosts(desired, state);
  const ownKey = options.ownKey || state?.ownKey === true;
  await using connections = await connectAll(options, home, ownKey);
  const hosts = desired.hosts.map(({ address }) => connections.get(address));
  await using _there = await lockHosts(hosts, desired.name, options.operator, `run ${desired.image}`, signal);

  const observed = await observe(desired, connections, home);
  refuseUnfit(options, observed);
  const registryLogin = blueprint.registry.login ?? loginOf(state);
  const next = stateOf(options, observed, {
    login: registryLogin,
    ownKey,
    provider: options.provider ?? state?.provider,
  });
  const pki = await registryPki(home, [blueprint.registry.domain, masterZeroOf(desired).address]);
  const plan = planOf(options, observed, { pki, login: registryLogin, publicKey: await keyOf(home, ownKey) });
  refuseOtherImage(state, blueprint, plan);
  await home.save(next);

  progress({
    type: "note",
    level: "info",
    text:
      plan.steps.length === 0
        ? `Nothing to do: all ${plan.done.length} steps are done and still true`
        : `${plan.steps.length} steps to do, ${plan.done.length} done already`,
  });
  const site = siteOf(options, { home, observed, pki, registryLogin, connections });
  await using journal = await home.journal();
  await journal.append({ event: "run-started", message: `run ${desired.image} ${blueprint.image.digest}` });
  const access = new JoinAccessGiver(() => site.host(masterZeroOf(desired).address), desired.name);
  const execution = await execute(plan.steps, (step, stop) => doStep(step, site, access, stop), {
    journal,
    progress,
    signal,
    limit: 30,
    limitOf: ({ kind }) => (kind === "send-rootfs" ? { name: "uploads", limit: 5 } : undefined),
  });
  await journal.append({ event: "run-ended", message: `${execution.failed.length} failed` });
  if (execution.failed.length > 0) throw stepsFailed(execution, goOn(desired.name));
  return {
    cluster: desired.name,
    image: desired.image,
    steps: { done: execution.done.length, skipped: plan.done.length, failed: 0 },
    seconds: (performance.now() - start) / 1000,
  };
}

/** What `runCluster` would do; nothing is changed, here or there. */
export async function planRun(options: RunClusterOptions): Promise<Plan> {
  const { desired, blueprint } = options;
  const home = new ClusterHome(options.home, desired.name);
  const state = await home.load();
  checkHosts(desired, state);
  const ownKey = options.ownKey || state?.ownKey === true;
  await using connections = await connectAll(options, home, state?.ownKey === true);
  const observed = await observe(desired, connections, home);
  refuseUnfit(options, observed);
  const pki = state
    ? await registryPki(home, [blueprint.registry.domain, masterZeroOf(desired).address])
    : noPki;
  const login = blueprint.registry.login ?? loginOf(state);
  const publicKey = ownKey ? (state ? await keyOf(home, true) : "made when it runs") : undefined;
  const plan = planOf(options, observed, { pki, login, publicKey });
  refuseOtherImage(state, blueprint, plan);
  return plan;
}

const noPki: RegistryPki = { ca: "", certificate: "", key: "" };

async function keyOf(home: ClusterHome, ownKey: boolean): Promise<string | undefined> {
  return ownKey ? (await home.sshKey()).publicKey : undefined;
}

async function connectAll(
  options: RunClusterOptions,
  home: ClusterHome,
  ownKey: boolean,
): Promise<Connections> {
  const { desired, login, dial, progress, signal, connect = connectHosts } = options;
  const connections = await connect(desired.hosts, { home, login, ownKey, dial, progress, signal });
  try {
    connections.mustAll();
    return connections;
  } catch (error) {
    await connections[Symbol.asyncDispose]();
    throw error;
  }
}

async function observe(
  desired: DesiredCluster,
  connections: Connections,
  home: ClusterHome,
): Promise<ObservedCluster> {
  const looked = await mapLimited(desired.hosts, 30, async ({ address }) => {
    const byClusterKey = connections.connected.get(address)?.byClusterKey === true;
    return observeHost(connections.get(address), { cluster: desired.name, address, byClusterKey });
  });
  const zero = masterZeroOf(desired).address;
  const hasControlPlane = looked.find(({ address }) => address === zero)?.kubernetesFiles.has("admin.conf");
  return {
    hosts: new Map(looked.map((host) => [host.address, host])),
    nodes: hasControlPlane ? await observeNodes(connections.get(zero)) : undefined,
    hasAccess: (await home.readSecret("admin.conf")) !== undefined,
  };
}

/** Everything that is wrong is told at once. */
function refuseUnfit({ desired, blueprint }: RunClusterOptions, observed: ObservedCluster): void {
  const findings = findUnfit(desired, blueprint, observed);
  if (findings.length === 0) return;
  const lines = findings.map(({ host, what }) => `  ${host}: ${what}`);
  const subject = findings.length === 1 ? "a host is" : "hosts are";
  throw new SealerError("HOST_UNFIT", `${subject} not fit, nothing was changed:\n${lines.join("\n")}`, {
    where: [...new Set(findings.map(({ host }) => host))].join(", "),
    hint: [...new Set(findings.map(({ hint }) => hint))].join("\n"),
  });
}

/** A run adds hosts to a cluster; it never takes one away. */
function checkHosts(desired: DesiredCluster, state: ClusterState | undefined): void {
  if (!state) return;
  const exists = (why: string, hint: string) =>
    new SealerError("CLUSTER_EXISTS", `the cluster ${desired.name} is there already, ${why}`, { hint });
  const zero = masterZeroOf(state.desired).address;
  if (masterZeroOf(desired).address !== zero) {
    throw exists(
      `and began on ${zero}`,
      `Name ${zero} as the first master, or choose another --cluster-name.`,
    );
  }
  const left = state.desired.hosts.filter(
    (had) =>
      !desired.hosts.some(
        ({ address, roles }) => address === had.address && roles.join() === had.roles.join(),
      ),
  );
  if (left.length > 0) {
    const named = left.map(({ address, roles }) => `${address} (${roles.join(", ")})`).join(", ");
    throw exists(`with ${named} too`, "Name these hosts again, or remove them with sealer delete -m … -n ….");
  }
}

function refuseOtherImage(state: ClusterState | undefined, blueprint: Blueprint, plan: Plan): void {
  if (!state || state.imageDigest === blueprint.image.digest) return;
  if (!plan.done.some((id) => id.startsWith("kubeadm-init@"))) return;
  throw new SealerError(
    "CLUSTER_EXISTS",
    `the cluster ${plan.cluster} runs another image: ${state.desired.image} (${state.imageDigest})`,
    { hint: "Delete it first (sealer delete -a), or choose another --cluster-name." },
  );
}

function loginOf(state: ClusterState | undefined): { username: string; password: string } {
  const { username, password } = state?.registry ?? { username: "sealer", password: "" };
  return { username, password: password || randomBytes(18).toString("base64url") };
}

function planOf(
  { desired, blueprint }: RunClusterOptions,
  observed: ObservedCluster,
  {
    pki,
    login,
    publicKey,
  }: {
    readonly pki: RegistryPki;
    readonly login: { readonly username: string; readonly password: string };
    readonly publicKey: string | undefined;
  },
): Plan {
  const { domain, port } = blueprint.registry;
  return planChange({
    desired,
    blueprint,
    observed,
    publicKey,
    registry: {
      domain,
      port,
      username: login.username,
      closed: blueprint.registry.login !== undefined,
      caDigest: digestOf(Buffer.from(pki.ca)),
      secretsDigest: digestOf(Buffer.from(JSON.stringify([pki.certificate, login.username, login.password]))),
    },
  });
}

function stateOf(
  { desired, blueprint }: RunClusterOptions,
  observed: ObservedCluster,
  {
    login,
    ownKey,
    provider,
  }: {
    readonly login: { readonly username: string; readonly password: string };
    readonly ownKey: boolean;
    readonly provider: ClusterState["provider"];
  },
): ClusterState {
  const { domain, port } = blueprint.registry;
  return {
    version: 1,
    desired,
    imageDigest: blueprint.image.digest,
    names: Object.fromEntries([...observed.hosts].map(([address, { hostname }]) => [address, hostname])),
    registry: { domain, port, ...login },
    runtime: blueprint.runtime,
    ownKey,
    ...(provider === undefined ? {} : { provider }),
  };
}

function siteOf(
  { desired, blueprint, content, progress, readyDeadline = 600_000 }: RunClusterOptions,
  parts: Pick<Site, "home" | "observed" | "pki" | "registryLogin"> & { readonly connections: Connections },
): Site {
  const { connections, ...rest } = parts;
  return {
    ...rest,
    desired,
    blueprint,
    content,
    progress,
    readyDeadline,
    kubeadm: kubeadmOf(desired, blueprint),
    host: (address) => connections.get(address),
  };
}

function kubeadmOf(
  desired: DesiredCluster,
  { kubeadm, version, runtime, registry }: Blueprint,
): KubeadmCluster {
  const masters = desired.hosts.filter(({ roles }) => roles.includes("master")).map(({ address }) => address);
  return {
    documents: kubeadm,
    version,
    runtime,
    masters,
    imageRepository: imageRepository(kubeadm.ClusterConfiguration?.fields.imageRepository, registry),
  };
}

/** What an image says of `sea.hub:5000` is meant for this cluster's registry, whatever that is called. */
function imageRepository(written: unknown, { domain, port }: Blueprint["registry"]): string {
  const own = `${domain}:${port}`;
  if (typeof written !== "string" || written === "") return `${own}/library`;
  return written.replace(/^sea\.hub:5000(?=\/|$)/, own);
}

function goOn(cluster: string): string {
  return `Run the same command again to go on: what was done is kept. Whole output, on the hosts: /var/lib/sealer/data/${cluster}/log/`;
}
