import { masterZeroOf } from "#clusterfile";
import { apiServerName, discoveryKubeconfig, joinConfiguration } from "#kubernetes";
import { hostPaths, markOf } from "../host-paths.ts";
import type { JoinAccessGiver } from "../join-access.ts";
import type { HostScript } from "../run-on-host.ts";
import type { Site } from "../site.ts";
import type { StepOf } from "../step.ts";
import { forgetNode } from "./forget-node.ts";
import { installKubeconfig } from "./kubeconfig.ts";
import { resetHalfWay } from "./reset-half-way.ts";
import { rewriteHosts } from "./write-hosts-file.ts";

/** `kubeadm join`, as a master or as a node. What an earlier attempt has left in the cluster goes first. */
export async function join(
  step: StepOf<"join-master"> | StepOf<"join-node">,
  site: Site,
  access: JoinAccessGiver,
  signal: AbortSignal | undefined,
): Promise<HostScript> {
  const zero = masterZeroOf(site.desired);
  const role = step.kind === "join-master" ? "master" : "node";
  if (step.rejoin)
    await forgetNode(site.host(zero.address), { node: step.node, address: step.host, role }, signal);
  const given = await access.give(role, signal);
  const folder = hostPaths(site.desired.name).kubeadm;
  const path = `${folder}/join.yaml`;
  const discovery = `${folder}/discovery.conf`;
  const node = { address: step.host, name: step.node, role } as const;
  const text = joinConfiguration(site.kubeadm, node, given, discovery);
  await site
    .host(step.host)
    .writeFile(discovery, discoveryKubeconfig(zero.address, given.ca), { mode: 0o600 });
  await site.host(step.host).writeFile(path, text, { mode: 0o600 });
  const secrets = [given.token, given.certificateKey].filter((secret) => secret !== "");
  if (role === "node") return { script: joinNode, args: [path, discovery], secrets, indivisible: true };
  const user = site.desired.hosts.find(({ address }) => address === step.host)?.user ?? "root";
  const cluster = site.desired.name;
  return {
    script: joinMaster,
    args: [path, discovery, cluster, user, step.host, apiServerName, markOf(cluster)],
    secrets,
    indivisible: true,
  };
}

const joinNode = `${resetHalfWay}
config=$1 discovery=$2
reset_half_way node
kubeadm join --config "$config" --ignore-preflight-errors=SystemVerification
rm -f -- "$config" "$discovery"
`;

/** Once its own API server runs, a master reaches it on itself. */
const joinMaster = `${resetHalfWay}${installKubeconfig}${rewriteHosts}
config=$1 discovery=$2 cluster=$3 user=$4 address=$5 name=$6 mark=$7
reset_half_way master
kubeadm join --config "$config" --ignore-preflight-errors=SystemVerification
rm -f -- "$config" "$discovery"
new=$(new_hosts)
awk -v mark="$mark" -v name="$name" -v address="$address" \\
  'index($0, " " name " " mark) { print address " " name " " mark; next } { print }' /etc/hosts > "$new"
put_hosts "$new"
install_kubeconfig "$cluster" root
[ "$user" = root ] || install_kubeconfig "$cluster" "$user"
`;
