#!/bin/bash
# Gives the host back as it was before init.sh: undoes what these scripts, the container runtime and kubeadm did, and
# nothing else. Works on a half-installed host too; a second run finds nothing to do. It goes on after a failure, and
# says at the end what it could not do.
set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=lib.sh
. "$here/lib.sh"
trap - ERR

failures=()
# attempt WHAT COMMAND...
attempt() {
  local what=$1
  shift
  "$@" || failures+=("$what")
}

remembered() { cat "$state/$1" 2> /dev/null; }

# Whether a file or folder was there before init.sh.
existed() { grep -Fxqs -- "$1" "$state/existing-paths"; }

# The runtime's program is ours, not the host's own.
runtime_is_ours() { ours "/usr/bin/$1"; }

stop_kubernetes() {
  systemctl disable --now --quiet sealer-pod-network.service kubelet.service 2> /dev/null
  # While this master's own API server still runs: out of the lists of masters, and of etcd where it has other members.
  # The rest of kubeadm reset is done below, faster and completely.
  if [ -e /etc/kubernetes/manifests/etcd.yaml ] && have kubeadm; then
    timeout 30 kubeadm reset phase update-cluster-status > /dev/null 2>&1
    timeout 30 kubeadm reset phase remove-etcd-member > /dev/null 2>&1
  fi
  return 0
}

stop_docker() {
  have docker || return 0
  if ! runtime_is_ours dockerd; then
    forget_in_docker_of_host
    return 0
  fi
  if systemctl is-active --quiet docker; then
    docker ps --all --quiet | xargs -r docker rm --force --volumes > /dev/null 2>&1
  fi
  systemctl disable --now --quiet docker.service 2> /dev/null
  end_processes /usr/bin/dockerd /usr/bin/containerd /usr/bin/containerd-shim /usr/bin/containerd-shim-runc-v2 /usr/bin/docker-proxy
}

# Of a docker that the host had before, only what came with the cluster goes.
forget_in_docker_of_host() {
  docker ps --all --quiet --filter label=io.kubernetes.pod.name | xargs -r docker rm --force --volumes > /dev/null
  docker ps --all --quiet --filter name=^/sealer-registry$ | xargs -r docker rm --force --volumes > /dev/null
  docker images --format '{{.Repository}}:{{.Tag}}' | grep -F "$registry/" | xargs -r docker rmi --force > /dev/null
  docker logout "$registry" > /dev/null 2>&1
}

stop_containerd() {
  # No request is worth waiting for any more.
  if systemctl is-active --quiet sealer-registry; then
    systemctl kill --signal=KILL sealer-registry.service
    timeout 20 ctr --namespace sealer tasks kill --signal SIGKILL sealer-registry 2> /dev/null
  fi
  systemctl disable --now --quiet sealer-registry.service 2> /dev/null
  runtime_is_ours containerd && have ctr || return 0
  local namespace
  if systemctl is-active --quiet containerd; then
    for namespace in $(timeout 20 ctr namespaces list --quiet); do
      timeout 20 ctr --namespace "$namespace" tasks list --quiet |
        xargs -r -n1 timeout 20 ctr --namespace "$namespace" tasks kill --all --signal SIGKILL 2> /dev/null
    done
  fi
  systemctl disable --now --quiet containerd.service 2> /dev/null
  end_processes /usr/bin/containerd /usr/bin/containerd-shim /usr/bin/containerd-shim-runc-v2
}

# Ends what runs from programs of ours, and what their shims have started.
end_processes() {
  local program process
  for process in /proc/[0-9]*; do
    program=$(readlink "$process/exe" 2> /dev/null) || continue
    # A program that is run through a loader of its own shows in its arguments only.
    [ "$program" != "$libraries/ld-linux-x86-64.so.2" ] || program=$(tr '\0' '\n' < "$process/cmdline" | head -1)
    case " $* " in *" ${program% (deleted)} "*) ;; *) continue ;; esac
    cat "$process"/task/*/children 2> /dev/null | xargs -r kill -KILL 2> /dev/null
    kill -KILL "${process#/proc/}" 2> /dev/null
  done
  return 0
}

# Mounts below the cluster's folders, the deepest first; a mount that was there before stays.
unmount_all() {
  local folder mount
  while read -r folder; do
    awk '{ print $5 }' /proc/self/mountinfo | grep -F -- "$folder/" | sort -ru | while read -r mount; do
      case $mount in
        "$folder"/*) existed "$mount" || umount -l -- "$(printf '%b' "$mount")" ;;
      esac
    done
  done < <(remembered cluster-folders)
  return 0
}

remove_pod_networks() {
  local path name
  for path in /run/netns/cni-*; do
    grep -Fxqs -- "${path##*/}" "$state/namespaces" && continue
    [ ! -e "$path" ] || { umount -l "$path" 2> /dev/null; rm -f "$path"; }
  done
  [ -e /run/netns ] && ! existed /run/netns && rmdir /run/netns 2> /dev/null
  ip route flush proto 157 2> /dev/null
  ip -6 route flush proto 157 2> /dev/null
  # Ends of pods; a bridge of somebody else's keeps its own.
  for name in $(ip -o link show type veth | sed 's/^[0-9]*: \([^:@]*\).*/\1/'); do
    grep -Fxqs -- "$name" "$state/links" && continue
    case "$name $(ip -o link show "$name" 2> /dev/null)" in
      vethwe* | *" master cni0 "* | *" master kube-bridge "* | *" master weave "*) ip link delete "$name" 2> /dev/null ;;
    esac
  done
  for name in $(ip -o link show | sed 's/^[0-9]*: \([^:@]*\).*/\1/'); do
    grep -Fxqs -- "$name" "$state/links" && continue
    case $name in
      lxcbr*) ;;
      docker0) runtime_is_ours dockerd && ip link delete "$name" ;;
      cni0 | kube-ipvs0 | nodelocaldns | flannel* | cali* | vxlan.calico | wireguard.cali | kube-bridge | cilium* | lxc* | weave*)
        ip link delete "$name" 2> /dev/null
        ;;
      tunl0) modprobe -q -r ipip ;;
    esac
  done
  if [ -z "$(remembered ipvs)" ] && [ -n "$(tail -n +4 /proc/net/ip_vs 2> /dev/null)" ] && have ipvsadm; then ipvsadm --clear; fi
  if have ipset; then
    for name in $(ipset list -n 2> /dev/null | grep -E '^(KUBE-|cali)'); do ipset destroy "$name"; done
  fi
  return 0
}

# Rules that came since and belong to the cluster go, and policies become what they were; other rules stay, also those
# that somebody added meanwhile.
restore_rules() {
  local tool=$1 families='KUBE-|CNI-|cni0|cali|flannel|FLANNEL|kube-ipvs|SEALER-|kubernetes|CILIUM|cilium|WEAVE|weave' table
  have "$tool-save" || return 0
  [ -e "$state/rules-$tool" ] || return 0
  ! runtime_is_ours dockerd || families+='|DOCKER|docker0'
  "$tool-save" 2> /dev/null | sed 's/\[[0-9:]*\]//; /^#/d' | awk -v before="$state/rules-$tool" -v families="$families" '
    BEGIN {
      while ((getline line < before) > 0) {
        if (line ~ /^\*/) table = line
        else if (line ~ /^:/) { split(line, part, " "); policy[table part[1]] = part[2]; was[table line] = 1; chain[table part[1]] = 1 }
        else was[table line] = 1
      }
    }
    /^\*/ { table = $0; print; next }
    /^:/ {
      if ((table $1) in policy) print $1, policy[table $1], "[0:0]"
      else if ($0 !~ families) print $1, ($2 == "-" ? "-" : "ACCEPT"), "[0:0]"
      next
    }
    /^-/ { if ((table $0) in was || $0 !~ families) print; next }
    { print }
  ' | "$tool-restore" || return 1
  # A table that was not there before and is empty now goes as well: restored without a chain, it is not made again.
  for table in $("$tool-save" 2> /dev/null | sed -n 's/^\*//p'); do
    grep -Fxqs "*$table" "$state/rules-$tool" && continue
    # grep reads to the end: ended by a closed pipe, the list would count as an empty table, and be flushed.
    "$tool-save" -t "$table" 2> /dev/null | grep -E '^-A|^:[^ ]+ -' > /dev/null || printf '*%s\nCOMMIT\n' "$table" | "$tool-restore"
  done
  return 0
}

# Removes what was not there before, at and below a path.
remove_new() {
  if ! existed "$1"; then
    rm -rf --one-file-system -- "$1"
  elif [ -d "$1" ] && [ ! -L "$1" ]; then
    local entry
    for entry in "$1"/* "$1"/.[!.]* "$1"/..?*; do
      if [ -e "$entry" ] || [ -L "$entry" ]; then remove_new "$entry"; fi
    done
  fi
}

remove_files() {
  local folder path mode
  # Folders that the cluster fills: what was there before stays.
  while read -r folder; do
    [ -e "$folder" ] || [ -L "$folder" ] || continue
    remove_new "$folder"
  done < <(remembered cluster-folders)
  while read -r mode path; do chmod "$mode" "$path"; done < <(remembered folder-modes)
  while read -r path; do
    # Made because it was missing; by now somebody has set the real one up.
    case $path in
      /etc/resolv.conf) [ ! -s "$path" ] || continue ;;
      /etc/localtime) [ ! -L "$path" ] || continue ;;
    esac
    rm -f -- "$path" "$path.sealer-new"
    if [ -e "$state/saved$path" ] || [ -L "$state/saved$path" ]; then cp -a "$state/saved$path" "$path"; fi
  done < <(remembered files)
  # What a killed unpack has left.
  while read -r folder; do rm -rf "$folder"/.sealer-??????; done < <(remembered staging-folders)
  # The deepest first; one that somebody else uses by now stays.
  while read -r folder; do
    rmdir "$folder" 2> /dev/null
  done < <(remembered folders | sort -r)
  return 0
}

# Slices that the kubelet made.
remove_slices() {
  local unit
  systemctl daemon-reload
  for unit in $(systemctl list-units --all --plain --no-legend 'kubepods*.slice' 'cri-containerd-*.scope' 'docker-*.scope' | awk '{ print $1 }' | sort -r); do
    systemctl stop "$unit" 2> /dev/null
  done
  find /sys/fs/cgroup -depth -type d \( -name 'kubepods*' -o -path '*/kubepods*' -o -path '*/docker/*' -o -name docker -o -path '*/sealer/sealer-registry' -o -name sealer \) -exec rmdir {} \; 2> /dev/null
  systemctl reset-failed 2> /dev/null
  return 0
}

restore_kernel() {
  local key value module
  while IFS='=' read -r key value; do
    local file=/proc/sys/${key//./\/}
    [ -e "$file" ] || continue
    # In a network namespace some values cannot be set.
    [ "$(cat "$file")" = "$value" ] || { echo "$value" > "$file"; } 2> /dev/null || echo "clean.sh: $key cannot be set back to $value" >&2
  done < <(remembered kernel-values)
  [ -e /proc/modules ] || return 0
  for module in ip_vs_sh ip_vs_wrr ip_vs_rr ip_vs ipip br_netfilter overlay nf_conntrack; do
    grep -Fxqs "$module" "$state/modules" || ! grep -q "^$module " /proc/modules || modprobe -q -r "$module"
  done
  # A module that something else uses by now stays.
  return 0
}

restore_settings() {
  local device mode
  [ "$(remembered network-target)" != inactive ] || systemctl stop network-online.target
  if remembered firewalls | grep -qx firewalld-enabled; then systemctl enable --quiet firewalld; fi
  if remembered firewalls | grep -qx firewalld-active; then systemctl start firewalld; fi
  if remembered firewalls | grep -qx ufw-active; then ufw --force enable > /dev/null; fi
  mode=$(remembered selinux)
  if [ "$mode" = Enforcing ]; then setenforce 1; fi
  for device in $(remembered swaps); do
    grep -q "^$device " /proc/swaps || swapon "$device"
  done
}

[ "$(id -u)" = 0 ] || die "must run as root"
[ -e "$state/remembered" ] || exit 0
attempt "stop Kubernetes" stop_kubernetes
attempt "stop docker" stop_docker
attempt "stop containerd" stop_containerd
attempt "unmount what pods used" unmount_all
attempt "remove pod networks" remove_pod_networks
attempt "put iptables' rules back" restore_rules iptables
attempt "put ip6tables' rules back" restore_rules ip6tables
attempt "remove files" remove_files
attempt "remove slices" remove_slices
attempt "put kernel settings back" restore_kernel
attempt "put firewall, SELinux and swap back" restore_settings
if [ "${#failures[@]}" -gt 0 ]; then
  printf 'clean.sh: could not: %s\n' "${failures[@]}" >&2
  exit 1
fi
# At once: with half of it, what the host had would count as ours.
rm -rf "$state.done"
mv "$state" "$state.done"
rm -rf "$state.done"
