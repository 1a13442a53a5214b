import { command, table } from "#cli";
import { clusterStatus, connectHosts, openCluster } from "#cluster";
import { loginFlags, readLogin } from "./shared/login-flags.ts";

export const status = command({
  name: "status",
  summary: "Tell how a cluster's hosts are",
  json: "{cluster, image, hosts: [{address, name, roles: [...], ready, version, problems: [...]}]}",
  flags: {
    cluster: {
      type: "string",
      short: "c",
      value: "NAME",
      aliases: ["cluster-name"],
      summary: "Which cluster (the only one)",
    },
    ...loginFlags,
  },
  description: "  sealer status\n  sealer status -c my-cluster --format json",
  async run({ flags }, context) {
    const { home: folder, dial, progress, signal, result } = context;
    const { home, state } = await openCluster(folder, flags.cluster);
    const login = await readLogin(flags, context);
    await using connections = await connectHosts(state.desired.hosts, {
      home,
      login,
      ownKey: state.ownKey,
      dial,
      progress,
      signal,
    });
    const told = await clusterStatus(state, connections);
    result(told, () => {
      const rows = told.hosts.map(({ address, name, roles, ready, version, problems }) => [
        address,
        name,
        roles.join(","),
        ready ? "Ready" : "NotReady",
        version,
        problems.join("; "),
      ]);
      return `${told.cluster}  ${told.image}\n${table(["ADDRESS", "NAME", "ROLES", "STATE", "VERSION", "PROBLEMS"], rows)}`;
    });
  },
});
