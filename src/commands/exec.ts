import { command, printable } from "#cli";
import { connectHosts, execOnHosts, hostsWithRoles, openCluster } from "#cluster";
import { SealerError } from "#errors";
import { loginFlags, readLogin } from "./shared/login-flags.ts";

export const exec = command({
  name: "exec",
  summary: "Run a program as root on a cluster's hosts",
  operands: "PROGRAM...",
  flags: {
    roles: {
      type: "string",
      short: "r",
      value: "ROLES",
      summary: "Only on master0, masters (master) or nodes (node); comma-separated",
    },
    cluster: {
      type: "string",
      short: "c",
      value: "NAME",
      aliases: ["cluster-name"],
      summary: "Which cluster (the only one)",
    },
    ...loginFlags,
  },
  description: `
It runs on all hosts at once. On several of them, each line of its output stands behind the host's address; with
--format json the output of each host is one value. A single word is a line for bash.

  sealer exec -- systemctl is-active kubelet
  sealer exec -r node "df -h / | tail -1"`,
  async run({ flags, operands }, context) {
    const { home: folder, dial, progress, signal, result, format, stdout, stderr } = context;
    const { home, state } = await openCluster(folder, flags.cluster);
    const hosts = hostsWithRoles(state, (flags.roles ?? "").split(",").filter(Boolean));
    const [line = "", ...words] = operands;
    const argv = words.length > 0 ? operands : ["bash", "-c", line];
    const login = await readLogin(flags, context);
    await using connections = await connectHosts(hosts, {
      home,
      login,
      ownKey: state.ownKey,
      dial,
      progress,
      signal,
    });
    const outcomes = await execOnHosts(state, connections, {
      argv,
      hosts,
      signal,
      onLine(host, text, stream) {
        const label = hosts.length > 1 ? `${host}: ` : "";
        if (format === "json") return;
        (stream === "stdout" ? stdout : stderr).write(`${label}${printable(text)}\n`);
      },
    });
    result(outcomes, () => "");
    const failed = outcomes.filter(({ exitCode }) => exitCode !== 0);
    if (failed.length === 0) return;
    throw new SealerError(
      "HOST_COMMAND_FAILED",
      `it failed on ${failed.length} of ${outcomes.length} hosts: ${failed.map(({ host, exitCode }) => `${host} (exit code ${exitCode})`).join(", ")}`,
      { cause: failed.map(({ host, stderr }) => `${host}: ${lastLines(stderr)}`).join("\n") },
    );
  },
});

function lastLines(text: string): string {
  return printable(text).trimEnd().split("\n").slice(-3).join(" / ") || "it printed no error";
}
