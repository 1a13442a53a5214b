import { command } from "#cli";
import { type ClusterState, deleteFromCluster, forgetCluster, openCluster } from "#cluster";
import { type DesiredHost, masterZeroOf, type Role } from "#clusterfile";
import { SealerError } from "#errors";
import { parseHostList } from "#hosts";
import { deleteSandbox } from "#sandbox";
import { loginFlags, readLogin } from "./shared/login-flags.ts";
import { operator } from "./shared/operator.ts";

export const deleteCommand = command({
  name: "delete",
  summary: "Remove a cluster, or hosts from it",
  flags: {
    all: { type: "boolean", short: "a", summary: "The whole cluster" },
    masters: { type: "string", short: "m", value: "HOSTS", summary: "These masters; never the first one" },
    nodes: { type: "string", short: "n", value: "HOSTS", summary: "These nodes" },
    cluster: {
      type: "string",
      short: "c",
      value: "NAME",
      aliases: ["cluster-name"],
      summary: "Which cluster (the only one)",
    },
    force: {
      type: "boolean",
      short: "f",
      summary: "Do not ask, and leave hosts that cannot be reached as they are",
    },
    ...loginFlags,
  },
  description: `
What sealer and kubeadm put on the hosts is removed, then what this machine knows of the cluster. It needs no image, and
can be repeated; a cluster that is gone already is no error.

  sealer delete -a
  sealer delete -n 10.0.0.7`,
  async run({ flags }, context) {
    const { home: folder, root, dial, progress, signal, result } = context;
    const single = flags.masters !== undefined || flags.nodes !== undefined;
    if (flags.all === single) {
      throw new SealerError("USAGE", "delete needs either -a, or hosts", {
        hint: "sealer delete -a for the whole cluster, sealer delete -n 10.0.0.7 for a node.",
      });
    }
    const opened = await openOrGone(folder, flags.cluster);
    if (!opened) {
      // A run that was refused before it changed a host leaves keys that it met, and no state.
      if (flags.cluster !== undefined && flags.all) await forgetCluster(folder, flags.cluster);
      result(
        { cluster: flags.cluster ?? null, removed: [], left: [] },
        () => "There is no such cluster: nothing to do.",
      );
      return;
    }
    const { home, state } = opened;
    const { name } = state.desired;
    const hosts = single
      ? [...chosen(state, "master", "-m", flags.masters), ...chosen(state, "node", "-n", flags.nodes)]
      : undefined;
    const what = hosts
      ? `${hosts.map(({ address }) => address).join(", ")} from the cluster ${name}`
      : `the cluster ${name}`;
    if (!flags.force && !/^y(es)?$/i.test((await context.ask(`Delete ${what}? (yes/no) `)).trim())) {
      throw new SealerError("USAGE", "not deleted", { hint: "Answer yes, or give --force." });
    }
    const login = await readLogin(flags, context);
    const who = operator();
    if (state.provider === "sandbox" && !hosts) {
      await forgetCluster(folder, name, () => deleteSandbox(root, name, signal));
      const removed = state.desired.hosts.map(({ address }) => address);
      result({ cluster: name, removed, left: [] }, () => `Deleted ${what} and its sandbox.`);
      return;
    }
    const deleted = await deleteFromCluster({
      folder,
      home,
      state,
      hosts,
      login,
      force: flags.force,
      operator: who,
      dial,
      progress,
      signal,
    });
    result(
      deleted,
      () =>
        `Deleted ${what}.${deleted.left.length > 0 ? ` Left as they are: ${deleted.left.join(", ")}.` : ""}`,
    );
  },
});

/** A second delete finds nothing, which is what it wants. */
async function openOrGone(folder: string, name: string | undefined) {
  try {
    return await openCluster(folder, name);
  } catch (error) {
    if (error instanceof SealerError && error.code === "CLUSTER_NOT_FOUND" && !/several/.test(error.message))
      return undefined;
    throw error;
  }
}

function chosen(
  state: ClusterState,
  role: Role,
  flag: string,
  list: string | undefined,
): readonly DesiredHost[] {
  return parseHostList(list ?? "", flag).map(({ address }) => {
    const host = state.desired.hosts.find((one) => one.address === address && one.roles.includes(role));
    if (!host) {
      throw new SealerError("USAGE", `${state.desired.name} has no ${role} ${address}`, {
        where: flag,
        hint: `It has ${state.desired.hosts.map((one) => `${one.address} (${one.roles.join(", ")})`).join(", ")}.`,
      });
    }
    if (address === masterZeroOf(state.desired).address) {
      throw new SealerError("USAGE", `${address} is the first master, which holds the registry: it stays`, {
        where: flag,
        hint: "To remove the whole cluster: sealer delete -a",
      });
    }
    return host;
  });
}
