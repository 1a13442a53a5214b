import { masterZeroOf } from "#clusterfile";
import { HostCommandError, removeAuthorizedKey, runScript } from "#hosts";
import type { Progress } from "#progress";
import type { ClusterState } from "./cluster-home.ts";
import type { Connections } from "./connect-hosts.ts";
import type { DeleteStep } from "./plan-delete.ts";
import { type HostScript, runOnHost } from "./run-on-host.ts";
import { cleanHost } from "./steps/clean-host.ts";
import { forgetNode } from "./steps/forget-node.ts";
import { removeTraces } from "./steps/remove-traces.ts";
import { scriptEnv } from "./steps/script-env.ts";
import { within } from "./steps/within.ts";
import { writeHostsFile } from "./steps/write-hosts-file.ts";

/** Does one step of a delete. */
export async function doDelete(
  doing: DeleteStep,
  {
    state,
    connections,
    progress,
    signal,
  }: {
    readonly state: ClusterState;
    readonly connections: Connections;
    readonly progress: Progress;
    readonly signal: AbortSignal | undefined;
  },
): Promise<void> {
  const { desired, names, registry, runtime } = state;
  const { host: address } = doing;
  const wanted = desired.hosts.find((one) => one.address === address);
  const node = (names[address] ?? address).toLowerCase();
  const user = wanted?.user ?? "root";
  const plainly = (where: string, script: HostScript) =>
    runPlainly(connections, where, doing.kind, script, signal);
  const zero = masterZeroOf(desired).address;
  switch (doing.kind) {
    case "drain":
      return plainly(zero, { script: drain, args: [node] });
    case "forget": {
      const role = wanted?.roles.includes("master") ? "master" : "node";
      return forgetNode(connections.get(zero), { node, address, role }, signal);
    }
    case "clean": {
      const script = cleanHost(desired.name, scriptEnv(desired, address, { ...registry, runtime }));
      const frame = { ...doing, id: `clean-host@${address}`, inputs: "delete", seen: "", why: "" };
      return runOnHost(connections.get(address), desired.name, frame, script, { progress, signal });
    }
    case "traces":
      return plainly(address, removeTraces(desired.name, user));
    case "key":
      await removeAuthorizedKey(connections.get(address), { cluster: desired.name, user });
      return;
    case "names":
      return plainly(address, writeHostsFile(doing.lines, desired.name));
  }
}

/** Without receipt and log: what is done here is done again at no cost, or leaves no folder to keep them in. */
async function runPlainly(
  connections: Connections,
  address: string,
  name: string,
  { script, args = [] }: HostScript,
  signal: AbortSignal | undefined,
): Promise<void> {
  const host = connections.get(address);
  const result = await runScript(host, `set -euo pipefail\n${script}`, { name, args, signal });
  if (result.exitCode !== 0) throw new HostCommandError(address, [name], result);
}

const drain = `${within}
export KUBECONFIG=/etc/kubernetes/admin.conf
[ -n "$(kubectl get node "$1" --ignore-not-found -o name --request-timeout=60s)" ] || exit 0
local_data=--delete-emptydir-data
case $(kubectl drain --help) in *"$local_data"*) ;; *) local_data=--delete-local-data ;; esac
within 360 kubectl drain "$1" --ignore-daemonsets "$local_data" --force --timeout=300s
`;
