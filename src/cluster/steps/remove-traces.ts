import { clustersFolder, hostPaths, markOf } from "../host-paths.ts";
import type { HostScript } from "../run-on-host.ts";
import { otherCluster } from "./clean-host.ts";
import { removeKubeconfig } from "./kubeconfig.ts";
import { rewriteHosts } from "./write-hosts-file.ts";

/** Removes what sealer itself has put on a host, but for the SSH key. Safe where nothing is left. */
export function removeTraces(cluster: string, user: string): HostScript {
  return { script: remove, args: [hostPaths(cluster).data, clustersFolder, cluster, user, markOf(cluster)] };
}

/** Nothing that is mounted below the cluster's folder is removed with it: that would be data of others. */
const remove = `${rewriteHosts}${removeKubeconfig}${otherCluster}
data=$1 clusters=$2 cluster=$3 user=$4 mark=$5
rewrite_hosts "$mark"
if [ -z "$(other_cluster "$data")" ]; then
  remove_kubeconfig "$cluster" root
  [ "$user" = root ] || remove_kubeconfig "$cluster" "$user"
fi
awk -v under="$data/" 'index($5, under) == 1 { print $5 }' /proc/self/mountinfo | sort -r | while IFS= read -r mount; do
  umount -- "$mount" || { echo "$mount is mounted and in use" >&2; exit 1; }
done
case $data in "$clusters"/?*) rm -rf --one-file-system -- "$data" ;; *) exit 1 ;; esac
rmdir -- "$clusters" "\${clusters%/*}" 2>/dev/null || :
`;
