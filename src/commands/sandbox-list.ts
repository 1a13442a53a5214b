import { command } from "#cli";
import { listSandboxes } from "#sandbox";
import { sandboxText, sandboxView } from "./sandbox-text.ts";

export const sandboxList = command({
  name: "sandbox list",
  summary: "List sandboxes and their hosts",
  json: "[{name, subnet, hosts: [{name, address, state}], user, privateKey}]",
  flags: { "show-password": { type: "boolean", summary: "Print root's passwords, too" } },
  description: "  sealer sandbox list",
  async run({ flags }, { root, result }) {
    const show = flags["show-password"];
    const sandboxes = await listSandboxes(root);
    result(
      sandboxes.map((sandbox) => sandboxView(sandbox, show)),
      () =>
        sandboxes.length === 0
          ? "There are no sandboxes here. sealer sandbox create makes one."
          : sandboxText(sandboxes, show),
    );
  },
});
