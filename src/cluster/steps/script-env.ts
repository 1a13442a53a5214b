import type { DesiredCluster } from "#clusterfile";
import type { ContainerRuntime } from "#kubernetes";
import type { Site } from "../site.ts";

/** What every script of an image finds in its environment. */
export function scriptEnv(
  cluster: Pick<DesiredCluster, "name" | "env">,
  address: string,
  {
    domain,
    port,
    runtime,
  }: { readonly domain: string; readonly port: number; readonly runtime: ContainerRuntime },
): Readonly<Record<string, string>> {
  return {
    ...cluster.env,
    SEALER_CLUSTER: cluster.name,
    HostIP: address,
    RegistryDomain: domain,
    RegistryPort: String(port),
    RegistryURL: `${domain}:${port}`,
    ContainerRuntime: runtime,
  };
}

/** The same, with what the image sets. */
export function siteEnv({ desired, blueprint }: Site, address: string): Readonly<Record<string, string>> {
  const { registry, runtime, env } = blueprint;
  return { ...env, ...scriptEnv(desired, address, { ...registry, runtime }) };
}
