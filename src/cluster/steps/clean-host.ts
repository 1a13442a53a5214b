import { hostPaths } from "../host-paths.ts";
import type { HostScript } from "../run-on-host.ts";

/**
 * Undoes what the image's scripts and kubeadm did on a host. What an earlier run has begun there is waited for, and can
 * begin nothing more; receipts go first, for what they say is no longer true.
 */
export function cleanHost(cluster: string, env: Readonly<Record<string, string>>): HostScript {
  return { script: clean, args: [hostPaths(cluster).data], env };
}

const clean = `
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
else
  echo "there is no scripts/clean.sh here: nothing was installed"
fi
`;
