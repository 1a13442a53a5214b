import { command, formatSeconds } from "#cli";
import { planRun, runCluster } from "#cluster";
import { SealerError } from "#errors";
import { planText, planView } from "./shared/plan-text.ts";
import { runFlags, runOptions } from "./shared/run-flags.ts";

export const run = command({
  name: "run",
  summary: "Make a Kubernetes cluster of hosts, out of an image",
  json: "{cluster, image, steps: {done, skipped, failed}, seconds}",
  operands: "IMAGE",
  flags: {
    ...runFlags,
    "dry-run": { type: "boolean", summary: "Look, and print what would be done" },
  },
  description: `
Hosts are reached over SSH and need no network but their own. A run that was stopped, however it was, is gone on with
by the same command; run again when all is done, it does nothing.

  sealer run kubernetes:v1.20.2 -m 10.0.0.1 -n 10.0.0.2,10.0.0.3 -p env:PASSWORD
  sealer run kubernetes:v1.20.2 --provider sandbox -m 1 -n 2`,
  async run({ flags, operands: [image = ""] }, context) {
    if (flags["dry-run"] && flags.provider !== undefined) {
      throw new SealerError("USAGE", "--dry-run cannot look at hosts that are not made yet", {
        hint: "Make them first: sealer sandbox create.",
      });
    }
    const options = await runOptions(flags, image, context);
    if (flags["dry-run"]) {
      const plan = await planRun(options);
      context.result(planView(plan), () => planText(plan));
      return;
    }
    const done = await runCluster(options);
    context.result(done, () => {
      const kubeconfig = `${context.home}/${done.cluster}/admin.conf`;
      return done.steps.done === 0
        ? `The cluster ${done.cluster} runs ${image}; there was nothing to do (${formatSeconds(done.seconds)}).`
        : `The cluster ${done.cluster} runs ${image} (${formatSeconds(done.seconds)}). Its kubeconfig: ${kubeconfig}`;
    });
  },
});
