import { type DesiredHost, masterZeroOf } from "#clusterfile";
import type { ClusterState } from "./cluster-home.ts";
import { hostsLines } from "./hosts-lines.ts";

type DeleteWork =
  | { readonly kind: "drain" | "forget" | "clean" | "traces" | "key" }
  | { readonly kind: "names"; readonly lines: readonly string[] };
export type DeleteStep = DeleteWork & {
  readonly id: string;
  readonly title: string;
  readonly host: string;
  readonly needs: readonly string[];
  readonly bytes: number;
};

/** Who goes and who stays, and which of them can be reached. */
export interface Parting {
  readonly going: readonly DesiredHost[];
  readonly staying: readonly DesiredHost[];
  isReached(host: DesiredHost): boolean;
}

/** The steps by which hosts leave a cluster, or all of them end it. */
export function planDelete(state: ClusterState, parting: Parting): readonly DeleteStep[] {
  const { going, staying, isReached } = parting;
  const reached = going.filter(isReached);
  if (staying.length === 0) return reached.flatMap((host) => cleaning(host, reached));
  const names = staying.filter(isReached).map((host) => forgettingNames(host, state, parting));
  return [...going.flatMap((host) => leaving(host, state, parting)), ...names];
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

function leaving(host: DesiredHost, state: ClusterState, { going, isReached }: Parting): DeleteStep[] {
  const { address, roles } = host;
  const node = state.names[address] ?? address;
  const before = going[going.indexOf(host) - 1];
  // Members leave etcd one after the other, and by kubeadm's own reset, where they can still say so.
  const inTurn =
    roles.includes("master") && before?.roles.includes("master") ? [`forget@${before.address}`] : [];
  const forget = (needs: readonly string[]) =>
    step("forget", address, `Take ${node} out of the cluster`, needs);
  // Pods of a machine that is gone never say that they have ended: there is nothing to wait for.
  if (!isReached(host)) return [forget(inTurn)];
  return [
    step("drain", address, `Drain ${node}`, inTurn),
    ...cleaning(host, going.filter(isReached)).map((one) =>
      one.kind === "clean" ? { ...one, needs: [`drain@${address}`] } : one,
    ),
    forget([`clean@${address}`]),
  ];
}

function forgettingNames(host: DesiredHost, state: ClusterState, { going, staying }: Parting): DeleteStep {
  return {
    kind: "names",
    id: `names@${host.address}`,
    title: "Write names into /etc/hosts",
    host: host.address,
    needs: going.map(({ address }) => `forget@${address}`),
    bytes: 0,
    lines: hostsLines(host, {
      hosts: staying,
      names: new Map(Object.entries(state.names)),
      masterZero: masterZeroOf(state.desired).address,
      domain: state.registry.domain,
      isMember: true,
    }),
  };
}

function step(
  kind: Exclude<DeleteWork["kind"], "names">,
  host: string,
  title: string,
  needs: readonly string[],
): DeleteStep {
  return { kind, id: `${kind}@${host}`, title, host, needs, bytes: 0 };
}
