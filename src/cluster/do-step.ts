import { masterZeroOf } from "#clusterfile";
import { SealerError } from "#errors";
import { installAuthorizedKey } from "#hosts";
import type { JoinAccessGiver } from "./join-access.ts";
import { endedMeanwhile, type HostScript, runOnHost } from "./run-on-host.ts";
import type { Site } from "./site.ts";
import type { Step } from "./step.ts";
import { initHost } from "./steps/init-host.ts";
import { join } from "./steps/join.ts";
import { kubeadmInit } from "./steps/kubeadm-init.ts";
import { pullImages } from "./steps/pull-images.ts";
import { pushImages } from "./steps/push-images.ts";

import { runCommand } from "./steps/run-command.ts";
import { sendRootfs } from "./steps/send-rootfs.ts";
import { startRegistry } from "./steps/start-registry.ts";
import { waitReady } from "./steps/wait-ready.ts";
import { writeHostsFile } from "./steps/write-hosts-file.ts";

/** Does one step: what travels from here first, then the script on the host that ends with the receipt. */
export async function doStep(
  step: Step,
  site: Site,
  access: JoinAccessGiver,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { name } = site.desired;
  const begun = site.observed.hosts.get(step.host)?.begun.has(step.id);
  const delicate = step.kind === "kubeadm-init" || step.kind === "join-master" || step.kind === "join-node";
  const options = { progress: site.progress, signal, deadline: site.stepDeadline };
  if ((begun || delicate) && (await endedMeanwhile(site.host(step.host), name, step, options))) return;
  const script = await scriptOf(step, site, access, signal);
  if (!script) return;
  await runOnHost(site.host(step.host), name, step, script, options);
}

/** What is left to do on the host; undefined for steps that leave no receipt, because a look tells whether they are done. */
async function scriptOf(
  step: Step,
  site: Site,
  access: JoinAccessGiver,
  signal: AbortSignal | undefined,
): Promise<HostScript | undefined> {
  const { name, hosts } = site.desired;
  switch (step.kind) {
    case "install-key": {
      const user = hosts.find(({ address }) => address === step.host)?.user ?? "root";
      await installAuthorizedKey(site.host(step.host), { cluster: name, publicKey: step.publicKey, user });
      return undefined;
    }
    case "write-hosts-file":
      return writeHostsFile(step.lines, name);
    case "send-rootfs":
      return sendRootfs(step, site, signal);
    case "init-host":
      return initHost(step, site);
    case "start-registry":
      return startRegistry(step, site);
    case "push-images":
      await pushImages(step, site, signal);
      return { script: ":" };
    case "pull-images":
      return pullImages(step, site);
    case "kubeadm-init":
      return kubeadmInit(step, site);
    case "fetch-access":
      await fetchAccess(site);
      return undefined;
    case "join-master":
    case "join-node":
      return join(step, site, access, signal);
    case "wait-ready":
      await waitReady(site.host(step.host), step.nodes, {
        deadline: site.readyDeadline,
        task: step.id,
        progress: site.progress,
        signal,
      });
      return undefined;
    case "run-command":
      return runCommand(step, site);
  }
}

/** For kubectl on this machine; it also says that the control plane was made. */
async function fetchAccess({ home, host, desired }: Site): Promise<void> {
  const { address } = masterZeroOf(desired);
  const bytes = await host(address).readFile("/etc/kubernetes/admin.conf");
  if (!bytes) {
    throw new SealerError("CLUSTER_NOT_READY", `${address}: /etc/kubernetes/admin.conf is not there`, {
      where: address,
    });
  }
  await home.writeSecret("admin.conf", bytes.toString());
}
