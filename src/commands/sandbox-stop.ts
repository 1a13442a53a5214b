import { command } from "#cli";
import { powerOff } from "#sandbox";

export const sandboxStop = command({
  name: "sandbox stop",
  summary: "Cut the power of sandbox hosts; their disks stay",
  operands: "NAME [HOST...]",
  flags: {},
  description:
    "All hosts of the sandbox where none is named. Hosts that are off stay as they are.\n\n  sealer sandbox stop demo host-1",
  async run({ operands: [sandbox = "", ...hosts] }, { root, signal }) {
    await powerOff({ root, sandbox, hosts, signal });
  },
});
