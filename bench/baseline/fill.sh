#!/usr/bin/env bash
# The baseline for filling hosts: the rootfs as `tar | ssh` to all hosts at once, then the embedded images' blobs to the
# first one. Prints the seconds of both.
#   fill.sh NETNS KEY BLOBS LAYERS HOST...      LAYERS: folders, lowest first, joined by colons
set -euo pipefail
netns=$1 key=$2 blobs=$3 layers=$4
shift 4

send() { # HOST FOLDER TAR_ARGUMENT...
  local host=$1 folder=$2
  shift 2
  tar -cf - "$@" | ip netns exec "$netns" ssh -i "$key" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
    -o LogLevel=ERROR "root@$host" "mkdir -p $folder && tar -C $folder -xf -"
}

arguments=()
IFS=: read -ra folders <<<"$layers"
for folder in "${folders[@]}"; do arguments+=(-C "$folder" .); done

start=$(date +%s.%N)
pids=()
for host in "$@"; do
  send "$host" /var/lib/sealer/baseline/rootfs "${arguments[@]}" &
  pids+=("$!")
done
for pid in "${pids[@]}"; do wait "$pid"; done
middle=$(date +%s.%N)
send "$1" /var/lib/sealer/baseline/blobs -T "$blobs"
awk "BEGIN{print $middle - $start, $(date +%s.%N) - $middle}"
