import { criSocketOf, initConfiguration } from "#kubernetes";
import { hostPaths } from "../host-paths.ts";
import { nodeNameOf } from "../membership.ts";
import type { HostScript } from "../run-on-host.ts";
import type { Site } from "../site.ts";
import type { StepOf } from "../step.ts";

/** Pulls what kubeadm and the kubelet will start on the host; kubeadm itself says which images these are. */
export async function pullImages(step: StepOf<"pull-images">, site: Site): Promise<HostScript> {
  const { kubeadm } = hostPaths(site.desired.name);
  const observed = site.observed.hosts.get(step.host);
  const node = { address: step.host, name: observed ? nodeNameOf(observed) : step.host };
  const path = `${kubeadm}/images.yaml`;
  await site
    .host(step.host)
    .writeFile(path, initConfiguration(site.kubeadm, node, undefined), { mode: 0o600 });
  const { runtime, version } = site.kubeadm;
  const login = site.blueprint.registry.login;
  return {
    script: pull,
    args: [path, step.role, runtime, criSocketOf(runtime, version).replace(/^(?=\/)/, "unix://")],
    ...(login
      ? { env: { SEALER_USER: login.username, SEALER_PASSWORD: login.password }, secrets: [login.password] }
      : {}),
  };
}

const pull = `
config=$1 role=$2 runtime=$3 socket=$4
images=$(kubeadm config images list --config "$config" 2>/dev/null) || { kubeadm config images list --config "$config"; exit 1; }
[ "$role" = master ] || images=$(grep -E '/(kube-proxy|pause):' <<< "$images")
registry=$(head -n 1 <<< "$images"); registry=\${registry%%/*}
if [ "$runtime" = docker ] && [ -n "\${SEALER_USER:-}" ]; then
  printf %s "$SEALER_PASSWORD" | docker login -u "$SEALER_USER" --password-stdin "$registry" >/dev/null 2>&1 || { echo "the registry refuses its login" >&2; exit 1; }
fi
pull_one() {
  case $runtime in
    docker) docker image inspect "$1" >/dev/null 2>&1 || docker pull -q "$1" ;;
    containerd) crictl --runtime-endpoint "$socket" pull "$1" ;;
  esac
}
pids=
for image in $images; do pull_one "$image" & pids="$pids $!"; done
failed=0
for pid in $pids; do wait "$pid" || failed=1; done
[ "$failed" = 0 ] || { echo "not every image could be pulled" >&2; exit 1; }
`;
