import { command } from "#cli";
import { powerOn } from "#sandbox";

export const sandboxStart = command({
  name: "sandbox start",
  summary: "Switch sandbox hosts on",
  operands: "NAME [HOST...]",
  flags: {},
  description:
    "All hosts of the sandbox where none is named. Hosts that are on stay as they are.\n\n  sealer sandbox start demo host-1",
  async run({ operands: [sandbox = "", ...hosts] }, { root, progress, signal }) {
    await powerOn({ root, sandbox, hosts, progress, signal });
  },
});
