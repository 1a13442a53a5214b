import { hostPaths } from "../host-paths.ts";
import type { HostScript } from "../run-on-host.ts";
import type { Site } from "../site.ts";
import type { StepOf } from "../step.ts";
import { resetHalfWay } from "./reset-half-way.ts";
import { siteEnv } from "./script-env.ts";

/** Writes what `init.sh` of the image expects, then runs it. */
export async function initHost(step: StepOf<"init-host">, site: Site): Promise<HostScript> {
  const { rootfs, kubeadm } = hostPaths(site.desired.name);
  const { domain, port } = site.blueprint.registry;
  const host = site.host(step.host);
  await host.writeFile(`${rootfs}/certs/ca.crt`, site.pki.ca);
  const login = site.blueprint.registry.login;
  if (login) {
    const auth = Buffer.from(`${login.username}:${login.password}`).toString("base64");
    const config = JSON.stringify({ auths: { [`${domain}:${port}`]: { auth } } });
    await host.writeFile(`${kubeadm}/pull-login.json`, config, { mode: 0o600 });
  }
  return { script: init, args: [rootfs, domain, String(port)], env: siteEnv(site, step.host) };
}

/** The kubelet's login comes last, for until then the image's script remembers what the host was like. */
const init = `${resetHalfWay}
rootfs=$1 domain=$2 port=$3
[ -e "$rootfs/scripts/init.sh" ] || { echo "the image has no scripts/init.sh" >&2; exit 1; }
chmod -f a+x -- "$rootfs"/scripts/* "$rootfs"/bin/* || :
cd "$rootfs/scripts"
bash ./init.sh "\${ContainerDataRoot:-/var/lib/docker}" "$domain" "$port"
let_kubelet_pull
`;
