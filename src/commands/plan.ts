import { command } from "#cli";
import { planRun } from "#cluster";
import { planText, planView } from "./shared/plan-text.ts";
import { runFlags, runOptions } from "./shared/run-flags.ts";

const { provider: _, ...flags } = runFlags;

export const plan = command({
  name: "plan",
  summary: "Print what run would do, and change nothing",
  json: "{cluster, image, steps: [{id, title, host, needs: [id], bytes, why}], done}",
  operands: "IMAGE",
  flags,
  description: "  sealer plan kubernetes:v1.20.2 -m 10.0.0.1 -n 10.0.0.2 -p env:PASSWORD",
  async run(call, context) {
    const [image = ""] = call.operands;
    const planned = await planRun(await runOptions({ ...call.flags, provider: undefined }, image, context));
    context.result(planView(planned), () => planText(planned));
  },
});
