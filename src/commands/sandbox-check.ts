import { command, table } from "#cli";
import { SealerError } from "#errors";
import { checkSandboxSupport } from "#sandbox";

export const sandboxCheck = command({
  name: "sandbox check",
  summary: "Tell whether this machine can make sandbox hosts",
  json: "{possible, findings: [{what, ok, why}]}",
  flags: {},
  description: "  sealer sandbox check",
  async run(_call, { root, cache, result }) {
    const support = await checkSandboxSupport({ root, cacheDir: cache, limitedDisks: true });
    const rows = support.findings.map(({ what, ok, why }) => [what, ok ? "ok" : "missing", why]);
    result(support, () => table(["WHAT", "STATE", "WHY"], rows));
    if (!support.possible)
      throw new SealerError("SANDBOX_IMPOSSIBLE", "this machine cannot make sandbox hosts");
  },
});
