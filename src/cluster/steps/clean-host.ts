import { hostPaths } from "../host-paths.ts";
import type { HostScript } from "../run-on-host.ts";

/**
 * Undoes what the image's scripts and kubeadm did on a host. What an earlier run has begun there is waited for, and can
 * begin nothing more; receipts go first, for what they say is no longer true.
 */
export function cleanHost(cluster: string, env: Readonly<Record<string, string>>): HostScript {
  return { script: clean, args: [hostPaths(cluster).data], env };
}

/** A bash function: `other_cluster DATA` prints the name of another cluster that the host belongs to by now. */
export const otherCluster = `
other_cluster() {
  local one
  for one in "\${1%/*}"/*/receipts; do
    if [ "$one" != "$1/receipts" ] && [ -n "$(ls -A "$one" 2>/dev/null)" ]; then one=\${one%/receipts}; echo "\${one##*/}"; return; fi
  done
}
`;

const clean = `${otherCluster}
data=$1
: > "$data/deleted"
for log in "$data"/log/*.log; do
  case $log in */clean-host@*) continue;; esac
  ( exec 8>>"$log"; flock -w 7200 8 )
done
for receipt in "$data"/receipts/*; do
  case $receipt in
    */kubeadm-init@*|*/join-*@*) mv -f -- "$receipt" "$data/receipts/.\${receipt##*/}.begun" ;;
    */clean-host@*) ;;
    *) rm -f -- "$receipt" ;;
  esac
done
if [ -e "$data/rootfs/scripts/clean.sh" ]; then
  cd "$data/rootfs/scripts"
  bash ./clean.sh
elif other=$(other_cluster "$data") && [ -n "$other" ]; then
  echo "this host belongs to the cluster $other by now: it stays as it is"
elif [ -e /etc/kubernetes/kubelet.conf ] || [ -e /etc/kubernetes/admin.conf ]; then
  echo "Kubernetes is here, but not $data/rootfs/scripts/clean.sh, which would remove it: run kubeadm reset here, remove /etc/kubernetes, and try again" >&2
  exit 1
else
  echo "there is no scripts/clean.sh here: nothing was installed"
fi
`;
