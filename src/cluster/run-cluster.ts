import { randomBytes } from "node:crypto";
import { type DesiredCluster, masterZeroOf } from "#clusterfile";
import type { ContentSource } from "#content";
import { checkVariables, type Dial } from "#hosts";
import { digestOf } from "#oci";
import type { Progress } from "#progress";
import type { Blueprint } from "./blueprint.ts";
import { ClusterHome, type ClusterState } from "./cluster-home.ts";
import { type Connect, type Connections, connectHosts, type Login } from "./connect-hosts.ts";
import { doStep } from "./do-step.ts";
import { execute } from "./execute.ts";
import { findUnfit } from "./find-unfit.ts";
import { hostPaths } from "./host-paths.ts";
import { JoinAccessGiver } from "./join-access.ts";
import { kubeadmCluster } from "./kubeadm-cluster.ts";
import { lockHere, lockHosts, type Operator, unlessLost } from "./lock-cluster.ts";
import { observeCluster } from "./observe-cluster.ts";
import type { ObservedCluster } from "./observed-cluster.ts";
import { type Plan, planChange } from "./plan-change.ts";
import { refuseOtherHosts, refuseOtherImage, refuseOtherRoles } from "./refuse-other.ts";
import { refuseUnfit } from "./refuse-unfit.ts";
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
  /** Milliseconds after which a script on a host is not waited for any longer; an hour by default. */
  readonly stepDeadline?: number;
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
  const doing = `run ${desired.image}`;
  checkVariables({ ...blueprint.env, ...desired.env, ...desired.cmdArgs });
  const home = new ClusterHome(options.home, desired.name);
  await using _here = await lockHere(options.home, desired.name, doing);
  await home.prepare();
  const state = await home.load();
  refuseOtherHosts(desired, state);
  const ownKey = options.ownKey || state?.ownKey === true;
  const login = registryLogin(blueprint, state);
  // Hosts that were made for this cluster are to be found and removed again, whatever becomes of it.
  if (options.provider && !state)
    await home.save(stateOf(options, new Map(), { registryLogin: login, ownKey }));
  await using connections = await connectAll(options, home, ownKey);
  const hosts = desired.hosts.map(({ address }) => connections.get(address));
  await using there = await lockHosts(hosts, desired.name, options.operator, doing, signal);

  const observed = await observeCluster(desired, connections, home);
  refuseOtherRoles(desired, observed);
  refuseUnfit(findUnfit(desired, blueprint, observed));
  const secrets: RunSecrets = {
    pki: await registryPki(home, registryNames(options)),
    registryLogin: login,
    publicKey: ownKey ? (await home.sshKey()).publicKey : undefined,
  };
  const plan = planOf(options, observed, secrets);
  refuseOtherImage(state, blueprint, plan);
  await home.save(stateOf(options, observed.hosts, { registryLogin: login, ownKey, before: state }));
  tellPlan(plan, progress);

  await using journal = await home.journal();
  await journal.append({ event: "run-started", message: `${doing} ${blueprint.image.digest}` });
  const site = siteOf(options, home, observed, secrets, connections);
  const access = new JoinAccessGiver(() => site.host(masterZeroOf(desired).address), desired.name);
  const execution = await execute(plan.steps, (step, stop) => doStep(step, site, access, stop), {
    journal,
    progress,
    signal: unlessLost(there, signal),
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
  checkVariables({ ...blueprint.env, ...desired.env, ...desired.cmdArgs });
  const home = new ClusterHome(options.home, desired.name);
  const state = await home.load();
  refuseOtherHosts(desired, state);
  await using connections = await connectAll(options, home, state?.ownKey === true);
  const observed = await observeCluster(desired, connections, home);
  refuseOtherRoles(desired, observed);
  refuseUnfit(findUnfit(desired, blueprint, observed));
  const ownKey = options.ownKey || state?.ownKey === true;
  const plan = planOf(options, observed, {
    // Of a cluster that is not begun yet nothing is made that would have to be kept.
    pki: state ? await registryPki(home, registryNames(options)) : { ca: "", certificate: "", key: "" },
    registryLogin: registryLogin(blueprint, state),
    publicKey: ownKey ? (state ? (await home.sshKey()).publicKey : "made by the run") : undefined,
  });
  refuseOtherImage(state, blueprint, plan);
  return plan;
}

/** What a run makes, or has made before, and keeps. */
interface RunSecrets {
  readonly pki: RegistryPki;
  readonly registryLogin: { readonly username: string; readonly password: string };
  /** Undefined where the hosts get no key. */
  readonly publicKey: string | undefined;
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

function registryNames({ blueprint, desired }: RunClusterOptions): readonly string[] {
  return [blueprint.registry.domain, masterZeroOf(desired).address];
}

function registryLogin(blueprint: Blueprint, state: ClusterState | undefined): RunSecrets["registryLogin"] {
  const { username, password } = blueprint.registry.login ?? state?.registry ?? {};
  return { username: username ?? "sealer", password: password ?? randomBytes(18).toString("base64url") };
}

function planOf(
  { desired, blueprint }: RunClusterOptions,
  observed: ObservedCluster,
  { pki, registryLogin: { username, password }, publicKey }: RunSecrets,
): Plan {
  const { domain, port, login } = blueprint.registry;
  const digestOfAll = (...parts: readonly string[]) => digestOf(Buffer.from(JSON.stringify(parts)));
  return planChange({
    desired,
    blueprint,
    observed,
    publicKey,
    registry: {
      domain,
      port,
      username,
      closed: login !== undefined,
      caDigest: digestOfAll(pki.ca),
      secretsDigest: digestOfAll(pki.certificate, username, password),
    },
  });
}

function stateOf(
  { desired, blueprint, provider }: RunClusterOptions,
  hosts: ObservedCluster["hosts"],
  facts: Pick<RunSecrets, "registryLogin"> & {
    readonly ownKey: boolean;
    readonly before?: ClusterState | undefined;
  },
): ClusterState {
  const { domain, port } = blueprint.registry;
  const maker = provider ?? facts.before?.provider;
  return {
    version: 1,
    desired,
    imageDigest: blueprint.image.digest,
    names: Object.fromEntries([...hosts].map(([address, { hostname }]) => [address, hostname])),
    registry: { domain, port, ...facts.registryLogin },
    runtime: blueprint.runtime,
    ownKey: facts.ownKey,
    ...(maker === undefined ? {} : { provider: maker }),
  };
}

function siteOf(
  {
    desired,
    blueprint,
    content,
    progress,
    readyDeadline = 600_000,
    stepDeadline = 3_600_000,
  }: RunClusterOptions,
  home: ClusterHome,
  observed: ObservedCluster,
  { pki, registryLogin }: RunSecrets,
  connections: Connections,
): Site {
  return {
    desired,
    blueprint,
    observed,
    kubeadm: kubeadmCluster(desired, blueprint),
    home,
    content,
    pki,
    registryLogin,
    progress,
    readyDeadline,
    stepDeadline,
    host: (address) => connections.get(address),
  };
}

function tellPlan({ steps, done }: Plan, progress: Progress): void {
  const text =
    steps.length === 0
      ? `Nothing to do: all ${done.length} steps are done and still true`
      : `${steps.length} steps to do, ${done.length} done already`;
  progress({ type: "note", level: "info", text });
}

function goOn(cluster: string): string {
  return `Run the same command again to go on: what was done is kept. Whole output, on the hosts: ${hostPaths(cluster).logs}/`;
}
