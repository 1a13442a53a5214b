import { hash } from "bcryptjs";
import { hostPaths } from "../host-paths.ts";
import type { HostScript } from "../run-on-host.ts";
import type { Site } from "../site.ts";
import type { StepOf } from "../step.ts";
import { siteEnv } from "./script-env.ts";

/** Writes the registry's certificate and users, then lets the image start it. */
export async function startRegistry(step: StepOf<"start-registry">, site: Site): Promise<HostScript> {
  const { rootfs, registry } = hostPaths(site.desired.name);
  const { domain, port, closed } = step.settings;
  const { username, password } = site.registryLogin;
  const host = site.host(step.host);
  await host.writeFile(`${rootfs}/certs/${domain}.crt`, site.pki.certificate + site.pki.ca);
  await host.writeFile(`${rootfs}/certs/${domain}.key`, site.pki.key, { mode: 0o600 });
  await host.writeFile(`${rootfs}/etc/registry_htpasswd`, `${username}:${await hash(password, 10)}\n`, {
    mode: 0o600,
  });
  return {
    script: start,
    args: [rootfs, registry, domain, String(port)],
    env: { ...siteEnv(site, step.host), RegistryAnonymous: closed ? "none" : "pull" },
  };
}

/** Images of Sealer bring the registry's folder in their rootfs. */
const start = `
rootfs=$1 registry=$2 domain=$3 port=$4
mkdir -p -- "$registry"
if [ -d "$rootfs/registry/docker" ] && [ ! -e "$registry/docker" ]; then
  rm -rf -- "$registry/.docker"
  cp -al -- "$rootfs/registry/docker" "$registry/.docker"
  mv -- "$registry/.docker" "$registry/docker"
fi
[ -e "$rootfs/scripts/init-registry.sh" ] || { echo "the image has no scripts/init-registry.sh" >&2; exit 1; }
cd "$rootfs/scripts"
exec bash ./init-registry.sh "$port" "$registry" "$domain"
`;
