#!/bin/bash
# Makes a bare host fit to be a node: init.sh [storage=/var/lib/docker] [registry domain=sea.hub] [registry port=5000].
# Safe to repeat. clean.sh undoes it.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
storage=${1:-/var/lib/docker}
export RegistryDomain=${2:-${RegistryDomain:-sea.hub}} RegistryPort=${3:-${RegistryPort:-5000}}
export RegistryURL=$RegistryDomain:$RegistryPort
# shellcheck source=lib.sh
. "$here/lib.sh"

# Each script says itself what went wrong.
runtime=$(container_runtime) || exit 1
bash "$here/prepare-host.sh" "$storage" || exit 1
case $runtime in
  docker) bash "$here/docker.sh" "$storage" || exit 1 ;;
  containerd) bash "$here/containerd.sh" || exit 1 ;;
esac
bash "$here/init-kube.sh" || exit 1
