import { z } from "zod";

/** A node as the API server sees it. */
export interface NodeState {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly ready: boolean;
  readonly unschedulable: boolean;
  /** Whether kubeadm has marked it as a master, which it does last. */
  readonly controlPlane: boolean;
  /** Of its kubelet. */
  readonly version: string;
  /** Why it is not ready, or what else its conditions complain of. */
  readonly problems: readonly string[];
}

/** Reads what `kubectl get nodes -o json` prints; undefined where that is not a list of nodes. */
export function readNodeStates(text: string): readonly NodeState[] | undefined {
  const list = nodeList.safeParse(parsed(text));
  return list.success ? list.data.items.map(nodeState) : undefined;
}

/** One line for each pod that does not do its work, out of what `kubectl get pods -A -o json` prints. */
export function readPodProblems(text: string): readonly string[] {
  const list = podList.safeParse(parsed(text));
  return list.success ? list.data.items.flatMap(podProblem) : [];
}

function nodeState({ metadata, spec, status }: z.infer<typeof nodeList>["items"][number]): NodeState {
  const ready = status.conditions.find(({ type }) => type === "Ready");
  const complaints = status.conditions.filter(({ type, status }) => type !== "Ready" && status === "True");
  return {
    name: metadata.name,
    addresses: status.addresses.map(({ address }) => address),
    ready: ready?.status === "True",
    unschedulable: spec.unschedulable,
    controlPlane: ["master", "control-plane"].some((role) =>
      Object.hasOwn(metadata.labels, `node-role.kubernetes.io/${role}`),
    ),
    version: status.nodeInfo.kubeletVersion,
    problems: [
      ...(ready === undefined ? ["its kubelet has not reported yet"] : []),
      ...(ready && ready.status !== "True" ? [`${ready.reason}: ${ready.message}`] : []),
      ...complaints.map(({ type, message }) => `${type}: ${message}`),
    ],
  };
}

function podProblem({ metadata, spec, status }: z.infer<typeof podList>["items"][number]): string[] {
  const running = status.phase === "Running" && status.containerStatuses.every(({ ready }) => ready);
  if (running || status.phase === "Succeeded") return [];
  const waiting = [...status.initContainerStatuses, ...status.containerStatuses].flatMap(({ state }) =>
    [state?.waiting, state?.terminated].flatMap((why) =>
      why?.reason && why.reason !== "Completed"
        ? [`${why.reason}${why.message ? ` (${why.message})` : ""}`]
        : [],
    ),
  );
  const unmet = status.conditions.filter(({ status, message }) => status !== "True" && message);
  const why = waiting.length > 0 ? waiting : unmet.map(({ message }) => message);
  const where = spec.nodeName === undefined ? "" : ` on ${spec.nodeName}`;
  return [`pod ${metadata.namespace}/${metadata.name}${where}: ${[status.phase, ...why].join(", ")}`];
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const condition = z.object({
  type: z.string(),
  status: z.string(),
  reason: z.string().default(""),
  message: z.string().default(""),
});
const nodeList = z.object({
  items: z.array(
    z.object({
      metadata: z.object({ name: z.string(), labels: z.record(z.string(), z.string()).default({}) }),
      spec: z.object({ unschedulable: z.boolean().default(false) }).default({ unschedulable: false }),
      status: z.object({
        conditions: z.array(condition).default([]),
        addresses: z.array(z.object({ address: z.string() })).default([]),
        nodeInfo: z.object({ kubeletVersion: z.string().default("") }).default({ kubeletVersion: "" }),
      }),
    }),
  ),
});
const reason = z.object({ reason: z.string().default(""), message: z.string().default("") }).optional();
const containerStatus = z.object({
  ready: z.boolean().default(false),
  state: z.object({ waiting: reason, terminated: reason }).optional(),
});
const podList = z.object({
  items: z.array(
    z.object({
      metadata: z.object({ name: z.string(), namespace: z.string().default("default") }),
      spec: z.object({ nodeName: z.string().optional() }),
      status: z.object({
        phase: z.string().default("Unknown"),
        conditions: z.array(condition).default([]),
        containerStatuses: z.array(containerStatus).default([]),
        initContainerStatuses: z.array(containerStatus).default([]),
      }),
    }),
  ),
});
