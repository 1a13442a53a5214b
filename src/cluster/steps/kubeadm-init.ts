import { runScript } from "#hosts";
import { initConfiguration } from "#kubernetes";
import { hostPaths } from "../host-paths.ts";
import { nodeNameOf } from "../membership.ts";
import type { HostScript } from "../run-on-host.ts";
import type { Site } from "../site.ts";
import type { StepOf } from "../step.ts";
import { installKubeconfig } from "./kubeconfig.ts";
import { resetHalfWay } from "./reset-half-way.ts";

export async function kubeadmInit(step: StepOf<"kubeadm-init">, site: Site): Promise<HostScript> {
  const host = site.host(step.host);
  const observed = site.observed.hosts.get(step.host);
  const node = { address: step.host, name: observed ? nodeNameOf(observed) : step.host };
  const path = `${hostPaths(site.desired.name).kubeadm}/init.yaml`;
  const driver = await runScript(host, cgroupDriver, { name: "cgroup driver", args: [site.kubeadm.runtime] });
  const text = initConfiguration(site.kubeadm, node, driver.stdout.trim() || undefined);
  await host.writeFile(path, text, { mode: 0o600 });
  const user = site.desired.hosts.find(({ address }) => address === step.host)?.user ?? "root";
  return { script: init, args: [path, site.desired.name, user], indivisible: true };
}

const cgroupDriver = `
case $1 in
  docker) docker info --format '{{.CgroupDriver}}' 2>/dev/null ;;
  containerd) if containerd config dump 2>/dev/null | grep -q 'SystemdCgroup = true'; then echo systemd; else echo cgroupfs; fi ;;
esac
`;

const init = `${resetHalfWay}${installKubeconfig}
config=$1 cluster=$2 user=$3
reset_half_way master
kubeadm init --config "$config" --skip-token-print --ignore-preflight-errors=SystemVerification
install_kubeconfig "$cluster" root
[ "$user" = root ] || install_kubeconfig "$cluster" "$user"
`;
