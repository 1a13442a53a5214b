import { type DesiredHost, masterZeroOf } from "#clusterfile";
import { SealerError } from "#errors";
import type { Dial } from "#hosts";
import type { Progress } from "#progress";
import type { ClusterHome, ClusterState } from "./cluster-home.ts";
import { type Connect, type Connections, connectHosts, type Login } from "./connect-hosts.ts";
import { doDelete } from "./do-delete.ts";
import { execute } from "./execute.ts";
import { forgetLock, lockHere, lockHosts, type Operator, unlessLost } from "./lock-cluster.ts";
import { type DeleteStep, planDelete } from "./plan-delete.ts";
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

/**
 * Removes a cluster, or hosts from it: what sealer and kubeadm put on the hosts, then what this machine knows. Run again
 * it goes on where it was stopped. It needs no image.
 * @throws STEPS_FAILED, HOST_UNREACHABLE, CLUSTER_LOCKED
 */
export async function deleteFromCluster(options: DeleteOptions): Promise<DeleteResult> {
  const { folder, home, hosts, progress, signal } = options;
  const { name } = options.state.desired;
  await using _here = await lockHere(folder, name, "delete");
  const state = (await home.load()) ?? options.state;
  const chosen = new Set((hosts ?? state.desired.hosts).map(({ address }) => address));
  const going = state.desired.hosts.filter(({ address }) => chosen.has(address));
  const staying = state.desired.hosts.filter(({ address }) => !chosen.has(address));
  await using connections = await connectAll(options, state, going, staying);
  const isReached = ({ address }: DesiredHost) => connections.connected.has(address);
  const locked = [...staying, ...going].filter(isReached).map(({ address }) => connections.get(address));
  await using there = await lockHosts(locked, name, options.operator, "delete", signal);

  const cleaned = new Cleaned(home, state);
  const steps = planDelete(state, { going, staying, isReached });
  await using journal = await home.journal();
  await journal.append({ event: "run-started", message: `delete ${[...chosen].join(", ")}` });
  const work = async (step: DeleteStep, stop: AbortSignal | undefined) => {
    await doDelete(step, { state, connections, progress, signal: stop });
    if (step.kind === "traces") await cleaned.add(step.host);
  };
  const execution = await execute(steps, work, {
    journal,
    progress,
    signal: unlessLost(there, signal),
    limit: 30,
  });
  await journal.append({ event: "run-ended", message: `${execution.failed.length} failed` });
  if (execution.failed.length > 0) throw stepsFailed(execution, goOn);

  if (staying.length > 0) {
    await home.save(without(state, chosen));
  } else {
    await home.remove();
    await forgetLock(folder, name);
  }
  const left = going.filter(({ address }) => connections.failed.has(address) && !cleaned.has(address));
  return {
    cluster: name,
    removed: going.filter((host) => !left.includes(host)).map(({ address }) => address),
    left: left.map(({ address }) => address),
  };
}

const goOn = "Run the same command again to go on, with --force to leave out hosts that are gone.";

/** Hosts that are clean but for the key: written down at once, so that a second attempt need not reach them. */
class Cleaned {
  readonly #home: ClusterHome;
  readonly #state: ClusterState;
  readonly #addresses: Set<string>;
  #last: Promise<void> = Promise.resolve();

  constructor(home: ClusterHome, state: ClusterState) {
    this.#home = home;
    this.#state = state;
    this.#addresses = new Set(state.cleaned);
  }

  has(address: string): boolean {
    return this.#addresses.has(address);
  }

  add(address: string): Promise<void> {
    this.#addresses.add(address);
    this.#last = this.#last.then(() => this.#home.save({ ...this.#state, cleaned: [...this.#addresses] }));
    return this.#last;
  }
}

async function connectAll(
  options: DeleteOptions,
  state: ClusterState,
  going: readonly DesiredHost[],
  staying: readonly DesiredHost[],
): Promise<Connections> {
  const { home, login, dial, progress, signal, connect = connectHosts, force } = options;
  const { ownKey } = state;
  const connections = await connect([...staying, ...going], { home, login, ownKey, dial, progress, signal });
  try {
    refuseUnreached(connections, { ...options, state }, going, staying);
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

function without(state: ClusterState, gone: ReadonlySet<string>): ClusterState {
  const { cleaned: _, ...rest } = state;
  return {
    ...rest,
    desired: { ...state.desired, hosts: state.desired.hosts.filter(({ address }) => !gone.has(address)) },
    names: Object.fromEntries(Object.entries(state.names).filter(([address]) => !gone.has(address))),
  };
}
