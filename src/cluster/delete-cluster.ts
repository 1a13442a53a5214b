import type { DesiredHost } from "#clusterfile";
import { masterZeroOf } from "#clusterfile";
import { SealerError } from "#errors";
import { type Dial, HostCommandError, removeAuthorizedKey, runScript } from "#hosts";
import type { Progress } from "#progress";
import type { ClusterHome, ClusterState } from "./cluster-home.ts";
import { type Connect, type Connections, connectHosts, type Login } from "./connect-hosts.ts";
import { execute } from "./execute.ts";
import { hostsLines } from "./hosts-lines.ts";
import type { Journal } from "./journal.ts";
import { lockHere, lockHosts, type Operator } from "./lock-cluster.ts";
import { type HostScript, runOnHost } from "./run-on-host.ts";
import { cleanHost } from "./steps/clean-host.ts";
import { forgetNode } from "./steps/forget-node.ts";
import { removeTraces } from "./steps/remove-traces.ts";
import { scriptEnv } from "./steps/script-env.ts";
import { writeHostsFile } from "./steps/write-hosts-file.ts";
import { stepsFailed } from "./steps-failed.ts";

export interface DeleteOptions {
  /** The folder of all clusters. */
  readonly folder: string;
  readonly home: ClusterHome;
  readonly state: ClusterState;
  /** Hosts to take out; without it the whole cluster goes. */
  readonly hosts?: readonly DesiredHost[] | undefined;
  readonly login: Login;
  /** Whether to go on without hosts that cannot be reached. */
  readonly force: boolean;
  readonly operator: Operator;
  readonly dial: Dial;
  readonly connect?: Connect;
  readonly progress: Progress;
  readonly signal?: AbortSignal | undefined;
}

export interface DeleteResult {
  readonly cluster: string;
  readonly removed: readonly string[];
  /** Hosts that were left as they are, because they could not be reached. */
  readonly left: readonly string[];
}

type DeleteWork =
  | { readonly kind: "drain" | "forget" | "clean" | "traces" | "key" }
  | { readonly kind: "names"; readonly lines: readonly string[] };
type DeleteStep = DeleteWork & {
  readonly id: string;
  readonly title: string;
  readonly host: string;
  readonly needs: readonly string[];
  readonly bytes: number;
};

/**
 * Removes a cluster, or hosts from it: what sealer and kubeadm put on the hosts, then what this machine knows. Run again
 * it goes on where it was stopped. It needs no image.
 * @throws STEPS_FAILED, HOST_UNREACHABLE, CLUSTER_LOCKED
 */
export async function deleteFromCluster(options: DeleteOptions): Promise<DeleteResult> {
  const { state, home, progress, signal } = options;
  const { name } = state.desired;
  const whole = options.hosts === undefined;
  const chosen = new Set((options.hosts ?? state.desired.hosts).map(({ address }) => address));
  const going = state.desired.hosts.filter(({ address }) => chosen.has(address));
  const staying = state.desired.hosts.filter(({ address }) => !chosen.has(address));
  await using _here = await lockHere(options.folder, name, "delete");
  await using connections = await connectAll(options, going, staying);
  const reached = (hosts: readonly DesiredHost[]) =>
    hosts.filter(({ address }) => connections.connected.has(address));
  const locked = reached([...staying, ...going]).map(({ address }) => connections.get(address));
  await using _there = await lockHosts(locked, name, options.operator, "delete", signal);
  await using journal = await home.journal();
  await journal.append({
    event: "run-started",
    message: `delete ${going.map(({ address }) => address).join(", ")}`,
  });

  const steps = whole
    ? reached(going).flatMap((host) => cleaning(host, reached(going)))
    : leaving(options, reached(going), going, reached(staying), staying);
  const cleaned = new Cleaned(options);
  const execution = await execute(
    steps,
    (step, stop) => doDelete(step, options, connections, cleaned, stop),
    {
      journal,
      progress,
      signal,
      limit: 30,
    },
  );
  await endJournal(journal, execution.failed.length);
  if (execution.failed.length > 0) {
    throw stepsFailed(
      execution,
      "Run the same command again to go on, with --force to leave out hosts that are gone.",
    );
  }
  const left = going.filter(({ address }) => connections.failed.has(address) && !cleaned.has(address));
  if (whole) await home.remove();
  else await home.save(without(state, going));
  return {
    cluster: name,
    removed: going.filter((host) => !left.includes(host)).map(({ address }) => address),
    left: left.map(({ address }) => address),
  };
}

async function endJournal(journal: Journal, failed: number): Promise<void> {
  await journal.append({ event: "run-ended", message: `${failed} failed` });
}

/** The keys go last, when every host is clean: until then a second attempt can log in. */
function cleaning({ address }: DesiredHost, all: readonly DesiredHost[]): DeleteStep[] {
  return [
    step("clean", address, "Clean the host", []),
    step("traces", address, "Remove sealer's files", [`clean@${address}`]),
    step(
      "key",
      address,
      "Take out the cluster's SSH key",
      all.map((host) => `traces@${host.address}`),
    ),
  ];
}

function leaving(
  { state }: DeleteOptions,
  reached: readonly DesiredHost[],
  going: readonly DesiredHost[],
  stayingReached: readonly DesiredHost[],
  staying: readonly DesiredHost[],
): DeleteStep[] {
  const zero = masterZeroOf(state.desired).address;
  const parting = going.flatMap((host): DeleteStep[] => {
    const { address, roles } = host;
    const node = state.names[address] ?? address;
    const isMaster = roles.includes("master");
    const before = going[going.indexOf(host) - 1];
    // Members leave etcd one after the other, and by kubeadm's own reset, where they can still say so.
    const inTurn = isMaster && before?.roles.includes("master") ? [`forget@${before.address}`] : [];
    const forget = (needs: readonly string[]) =>
      step("forget", address, `Take ${node} out of the cluster`, needs);
    // Pods of a machine that is gone never say that they have ended: there is nothing to wait for.
    if (!reached.includes(host)) return [forget(inTurn)];
    return [
      step("drain", address, `Drain ${node}`, inTurn),
      ...cleaning(host, reached).map((one) =>
        one.kind === "clean" ? { ...one, needs: [`drain@${address}`] } : one,
      ),
      forget([`clean@${address}`]),
    ];
  });
  const names = stayingReached.map((host): DeleteStep => {
    const lines = hostsLines(host, {
      hosts: staying,
      names: new Map(Object.entries(state.names)),
      masterZero: zero,
      domain: state.registry.domain,
      isMember: true,
    });
    const needs = going.map(({ address }) => `forget@${address}`);
    return {
      ...step("clean", host.address, "Write names into /etc/hosts", needs),
      id: `names@${host.address}`,
      kind: "names",
      lines,
    };
  });
  return [...parting, ...names];
}

function step(
  kind: Exclude<DeleteWork["kind"], "names">,
  host: string,
  title: string,
  needs: readonly string[],
): DeleteStep {
  return { kind, id: `${kind}@${host}`, title, host, needs, bytes: 0 };
}

async function doDelete(
  doing: DeleteStep,
  { state, progress }: DeleteOptions,
  connections: Connections,
  cleaned: Cleaned,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { desired } = state;
  const zero = masterZeroOf(desired).address;
  const wanted = desired.hosts.find(({ address }) => address === doing.host);
  const node = (state.names[doing.host] ?? doing.host).toLowerCase();
  const role = wanted?.roles.includes("master") ? "master" : "node";
  const user = wanted?.user ?? "root";
  const frame = { ...doing, why: "", seen: "", inputs: "delete" };
  const onHost = (script: HostScript, id = doing.id) =>
    runOnHost(connections.get(doing.host), desired.name, { ...frame, id }, script, { progress, signal });
  switch (doing.kind) {
    case "drain":
      return plainly(connections, zero, doing.title, { script: drain, args: [node] }, signal);
    case "forget":
      return forgetNode(connections.get(zero), { node, address: doing.host, role }, signal);
    case "clean":
      return onHost(
        cleanHost(
          desired.name,
          scriptEnv(desired, doing.host, { ...state.registry, runtime: state.runtime }),
        ),
        `clean-host@${doing.host}`,
      );
    case "traces":
      await plainly(connections, doing.host, doing.title, removeTraces(desired.name, user), signal);
      return cleaned.add(doing.host);
    case "key":
      await removeAuthorizedKey(connections.get(doing.host), { cluster: desired.name, user });
      return;
    case "names":
      return plainly(connections, doing.host, doing.title, writeHostsFile(doing.lines, desired.name), signal);
  }
}

/** Without receipt and log: what is done here is done again at no cost, or leaves no folder to keep them in. */
async function plainly(
  connections: Connections,
  address: string,
  title: string,
  { script, args = [] }: HostScript,
  signal: AbortSignal | undefined,
): Promise<void> {
  const host = connections.get(address);
  const result = await runScript(host, `set -euo pipefail\n${script}`, { name: title, args, signal });
  if (result.exitCode !== 0)
    throw new HostCommandError(address, [title.replaceAll(" ", "-").toLowerCase()], result);
}

const drain = `
export KUBECONFIG=/etc/kubernetes/admin.conf
[ -n "$(kubectl get node "$1" --ignore-not-found -o name)" ] || exit 0
local_data=--delete-emptydir-data
kubectl drain --help | grep -q -e "$local_data" || local_data=--delete-local-data
kubectl drain "$1" --ignore-daemonsets "$local_data" --force --timeout=300s
`;

/** Hosts that are clean but for the key: written down before anything else, so that they need not be reached again. */
class Cleaned {
  readonly #options: DeleteOptions;
  readonly #addresses: Set<string>;
  #last: Promise<void> = Promise.resolve();

  constructor(options: DeleteOptions) {
    this.#options = options;
    this.#addresses = new Set(options.state.cleaned);
  }

  has(address: string): boolean {
    return this.#addresses.has(address);
  }

  add(address: string): Promise<void> {
    this.#addresses.add(address);
    const { home, state } = this.#options;
    this.#last = this.#last.then(() => home.save({ ...state, cleaned: [...this.#addresses] }));
    return this.#last;
  }
}

async function connectAll(
  options: DeleteOptions,
  going: readonly DesiredHost[],
  staying: readonly DesiredHost[],
): Promise<Connections> {
  const { home, state, login, dial, progress, signal, connect = connectHosts, force } = options;
  const ownKey = state.ownKey;
  const connections = await connect([...staying, ...going], { home, login, ownKey, dial, progress, signal });
  try {
    refuseUnreached(connections, options, going, staying);
    return connections;
  } catch (error) {
    await connections[Symbol.asyncDispose]();
    if (!force && error instanceof SealerError && error.code !== "HOST_KEY_CHANGED") {
      throw new SealerError(error.code, error.message, {
        where: error.where,
        hint: [error.hint, "With --force hosts that cannot be reached are left as they are."]
          .filter(Boolean)
          .join("\n"),
        cause: error,
      });
    }
    throw error;
  }
}

function refuseUnreached(
  connections: Connections,
  { state, force, progress }: DeleteOptions,
  going: readonly DesiredHost[],
  staying: readonly DesiredHost[],
): void {
  const zero = masterZeroOf(state.desired).address;
  if (staying.some(({ address }) => address === zero) && connections.failed.has(zero)) {
    throw connections.failed.get(zero);
  }
  const gone = new Map(
    going.flatMap(({ address }) => {
      const failure = connections.failed.get(address);
      const isClean = state.cleaned?.includes(address) === true;
      const counts = failure !== undefined && !(isClean && failure instanceof SealerError);
      return counts ? [[address, failure] as const] : [];
    }),
  );
  if (!force) {
    connections.withFailures(gone).mustAll();
    return;
  }
  for (const [host, failure] of gone) {
    if (!(failure instanceof SealerError)) throw failure;
    progress({ type: "note", level: "warning", host, text: `left as it is: ${failure.message}` });
  }
}

function without(state: ClusterState, going: readonly DesiredHost[]): ClusterState {
  const gone = new Set(going.map(({ address }) => address));
  const { cleaned: _, ...rest } = state;
  return {
    ...rest,
    desired: { ...state.desired, hosts: state.desired.hosts.filter(({ address }) => !gone.has(address)) },
    names: Object.fromEntries(Object.entries(state.names).filter(([address]) => !gone.has(address))),
  };
}
