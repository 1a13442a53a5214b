import { hostPaths } from "../host-paths.ts";
import type { HostScript } from "../run-on-host.ts";
import type { Site } from "../site.ts";
import type { StepOf } from "../step.ts";
import { siteEnv } from "./script-env.ts";

/** A command of the image, in the rootfs on master0; values of `--cmd-args` are variables to it. */
export function runCommand(step: StepOf<"run-command">, site: Site): HostScript {
  return {
    script,
    args: [hostPaths(site.desired.name).rootfs, step.command],
    env: { ...siteEnv(site, step.host), ...step.env, KUBECONFIG: "/etc/kubernetes/admin.conf" },
  };
}

const script = `
cd "$1"
exec bash -c "$2"
`;
