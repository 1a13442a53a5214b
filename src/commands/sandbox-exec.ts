import { command } from "#cli";
import { SealerError } from "#errors";
import { execInHost, listSandboxes } from "#sandbox";

export const sandboxExec = command({
  name: "sandbox exec",
  summary: "Run a program on a sandbox host, without SSH",
  operands: "NAME HOST PROGRAM...",
  flags: {},
  description: `
HOST is a name or an address. The program is root's, and this terminal is its terminal. Words after -- are never taken for flags of sealer:

  sealer sandbox exec demo host-1 -- journalctl -u kubelet --no-pager`,
  async run({ operands: [name = "", host = "", ...argv] }, { root, signal }) {
    const sandbox = (await listSandboxes(root)).find((candidate) => candidate.name === name);
    if (!sandbox) {
      throw new SealerError("SANDBOX_FAILED", `there is no sandbox "${name}"`, {
        hint: "sealer sandbox list",
      });
    }
    const called = sandbox.hosts.find(({ address }) => address === host)?.name ?? host;
    const { exitCode } = await execInHost(sandbox, called, argv, { attached: true, signal });
    if (exitCode === 0) return;
    throw new SealerError("HOST_COMMAND_FAILED", `"${argv.join(" ")}" exited ${exitCode}`, { where: host });
  },
});
