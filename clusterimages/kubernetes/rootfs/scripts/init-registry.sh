#!/bin/bash
# Runs the built-in registry on this host, after init.sh:
# init-registry.sh [port=5000] [folder=<data>/registry] [domain=sea.hub]
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=lib.sh
. "$here/lib.sh"
port=${1:-$registry_port}
folder=${2:-$data/registry}
domain=${3:-$registry_domain}
name=sealer-registry
archive=$rootfs/images/registry.tar

[ -e "$archive" ] || die "the image has no images/registry.tar"
for file in "$domain.crt" "$domain.key"; do
  [ -e "$rootfs/certs/$file" ] || die "$rootfs/certs/$file is missing; sealer makes it before this script runs"
done
config=$rootfs/etc/registry_config.yml
[ ! -e "$rootfs/etc/registry_config.yaml" ] || config=$rootfs/etc/registry_config.yaml
[ -e "$config" ] || die "the image has no etc/registry_config.yml"
mkdir -p "$folder"
image=$(tar -xOf "$archive" manifest.json | sed -n 's/.*"RepoTags":\["\([^"]*\)".*/\1/p')
[ -n "$image" ] || die "$archive is no image with a name"

# The configuration is the user's; the address and the certificate are this cluster's.
settings=(
  "REGISTRY_HTTP_ADDR=:$port"
  "REGISTRY_HTTP_TLS_CERTIFICATE=/certs/$domain.crt"
  "REGISTRY_HTTP_TLS_KEY=/certs/$domain.key"
)
mounts=("$rootfs/certs:/certs:ro" "$folder:/var/lib/registry:rw" "$config:/etc/docker/registry/config.yml:ro")
if [ -e "$rootfs/etc/registry_htpasswd" ]; then
  settings+=("REGISTRY_AUTH=htpasswd" "REGISTRY_AUTH_HTPASSWD_PATH=/htpasswd" "REGISTRY_AUTH_HTPASSWD_REALM=Registry Realm"
    "REGISTRY_AUTH_HTPASSWD_ANONYMOUS=${RegistryAnonymous:-none}")
  mounts+=("$rootfs/etc/registry_htpasswd:/htpasswd:ro")
fi

# Changes when anything that the registry is made of does, so that a repeated run leaves a running one alone.
parts=("$archive" "$config" "$rootfs/certs/$domain.crt")
[ ! -e "$rootfs/etc/registry_htpasswd" ] || parts+=("$rootfs/etc/registry_htpasswd")
digest=$(cat "${parts[@]}" - <<< "${settings[*]} ${mounts[*]}" | sha256sum | cut -c1-64)

# containerd knows images by their full names only.
full_name() {
  case $1 in
    *.*/* | *:*/* | localhost/*) echo "$1" ;;
    */*) echo "docker.io/$1" ;;
    *) echo "docker.io/library/$1" ;;
  esac
}

answers() { (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null; }

run_with_docker() {
  if [ "$(docker inspect --format '{{.State.Running}} {{index .Config.Labels "io.sealer.digest"}}' "$name" 2> /dev/null)" = "true $digest" ]; then
    return 0
  fi
  docker load --quiet --input "$archive" > /dev/null
  docker rm --force "$name" > /dev/null 2>&1 || true
  ! answers || die "port $port of this host is in use by another program"
  local arguments=() item
  for item in "${settings[@]}"; do arguments+=(--env "$item"); done
  for item in "${mounts[@]}"; do arguments+=(--volume "$item"); done
  docker run --detach --name "$name" --restart always --net host --label "io.sealer.digest=$digest" "${arguments[@]}" "$image" > /dev/null
}

run_with_containerd() {
  if systemctl is-active --quiet "$name" && grep -Fqs "$digest" "/etc/systemd/system/$name.service"; then return 0; fi
  systemctl stop "$name" 2> /dev/null || true
  ! answers || die "port $port of this host is in use by another program"
  ctr --namespace sealer images import "$archive" > /dev/null
  case $image in */*) ;; *) image=docker.io/library/$image ;; esac  # the name that containerd gives it
  local item options=
  for item in "${settings[@]}"; do options+=" --env '$item'"; done
  for item in "${mounts[@]}"; do
    options+=" --mount type=bind,src=$(cut -d: -f1 <<< "$item"),dst=$(cut -d: -f2 <<< "$item"),options=rbind:$(cut -d: -f3 <<< "$item")"
  done
  install_text "/etc/systemd/system/$name.service" << UNIT
# $digest
[Unit]
Description=Built-in registry of sealer
After=containerd.service
Requires=containerd.service

[Service]
ExecStartPre=-/usr/bin/ctr --namespace sealer tasks kill --signal SIGKILL $name
ExecStartPre=-/usr/bin/ctr --namespace sealer tasks rm --force $name
ExecStartPre=-/usr/bin/ctr --namespace sealer containers rm $name
ExecStart=/usr/bin/ctr --namespace sealer run --rm --net-host$options $(full_name "$image") $name
ExecStop=-/usr/bin/ctr --namespace sealer tasks kill --signal SIGTERM $name
Restart=always
RestartSec=2

[Install]
WantedBy=multi-user.target
UNIT
  systemctl daemon-reload
  systemctl enable --quiet "$name"
  systemctl start "$name"
}

last_words() {
  case $(container_runtime) in
    docker) docker logs --tail 15 "$name" >&2 ;;
    containerd) journalctl -u "$name" -n 15 --no-pager -o cat >&2 ;;
  esac
}

case $(container_runtime) in
  docker) run_with_docker ;;
  containerd) run_with_containerd ;;
esac
end=$((SECONDS + 30))
until answers; do
  [ "$SECONDS" -lt "$end" ] || { last_words; die "the registry does not answer on port $port"; }
  sleep 0.2
done
