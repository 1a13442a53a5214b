import { setTimeout as sleep } from "node:timers/promises";
import { SealerError } from "#errors";
import type { HostView } from "#hosts";
import { type NodeState, readPodProblems } from "#kubernetes";
import type { Progress } from "#progress";
import { observeNodes } from "../observe.ts";

/**
 * Waits until all these nodes are Ready.
 * @param deadline milliseconds
 * @throws CLUSTER_NOT_READY with the nodes' own complaints, and the pods that do not run
 */
export async function waitReady(
  master: HostView,
  names: readonly string[],
  {
    deadline,
    task,
    progress,
    signal,
  }: {
    readonly deadline: number;
    readonly task: string;
    readonly progress: Progress;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<void> {
  const end = Date.now() + deadline;
  let last = "";
  for (;;) {
    signal?.throwIfAborted();
    const nodes = await observeNodes(master);
    const problems = names.flatMap((name) => problemOf(name, nodes));
    if (problems.length === 0) return;
    const told = `${names.length - problems.length} of ${names.length} nodes are Ready`;
    if (told !== last) progress({ type: "output", line: told, task });
    last = told;
    if (Date.now() >= end) throw await notReady(master, problems, deadline);
    await sleep(Math.min(1000, Math.max(0, end - Date.now())), undefined, { signal });
  }
}

function problemOf(name: string, nodes: readonly NodeState[] | undefined): string[] {
  if (nodes === undefined) return [`${name}: the API server does not answer`];
  const node = nodes.find((one) => one.name === name);
  if (!node) return [`${name}: it is not in the cluster`];
  return node.ready ? [] : [`${name}: ${node.problems.join("; ") || "it is not Ready"}`];
}

async function notReady(
  master: HostView,
  problems: readonly string[],
  deadline: number,
): Promise<SealerError> {
  const { stdout } = await master.query([
    "kubectl-get",
    "pods",
    "--all-namespaces",
    "--kubeconfig=/etc/kubernetes/admin.conf",
    "--request-timeout=10s",
    "-o",
    "json",
  ]);
  const lines = [...problems, ...readPodProblems(stdout).slice(0, 20)];
  return new SealerError(
    "CLUSTER_NOT_READY",
    `not every node became Ready within ${Math.round(deadline / 1000)} s:\n${lines.map((line) => `  ${line}`).join("\n")}`,
    {
      where: master.address,
      hint: "On the node: journalctl -u kubelet. Nodes wait above all for a pod network.",
    },
  );
}
