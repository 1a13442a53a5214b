import { readFile } from "node:fs/promises";
import type { Context, FlagValues } from "#cli";
import { type Login, type RunClusterOptions, readBlueprint } from "#cluster";
import { clusterFromFlags } from "#clusterfile";
import { SealerError } from "#errors";
import { type HostAddress, parseHostList } from "#hosts";
import { createSandbox } from "#sandbox";
import { loginFlags, readLogin } from "./login-flags.ts";
import { openImages } from "./open-images.ts";
import { operator } from "./operator.ts";
import { pullMissing } from "./pull-missing.ts";

/** What `run` and `plan` take. */
export const runFlags = {
  masters: {
    type: "string",
    short: "m",
    value: "HOSTS",
    summary: "Masters, the first of them first: 10.0.0.1,10.0.0.3-10.0.0.5,10.0.0.9:2222",
  },
  nodes: { type: "string", short: "n", value: "HOSTS", summary: "Nodes, written the same way" },
  "cluster-name": { type: "string", value: "NAME", summary: "What the cluster is called (my-cluster)" },
  user: {
    type: "string",
    short: "u",
    value: "NAME",
    summary: "Login on the hosts (root); others become root by sudo",
  },
  ...loginFlags,
  port: { type: "string", value: "PORT", summary: "SSH port of hosts that name none (22)" },
  env: {
    type: "string",
    short: "e",
    multiple: true,
    value: "K=V",
    summary: "A variable for the image's scripts and commands",
  },
  "cmd-args": {
    type: "string",
    multiple: true,
    value: "K=V",
    summary: "A value for $K in the image's commands",
  },
  "no-key": { type: "boolean", summary: "Install no SSH key of the cluster's own on the hosts" },
  provider: {
    type: "string",
    value: "sandbox",
    summary: "Make the hosts on this machine, too: -m and -n then say how many",
  },
} as const;

/**
 * Everything that running needs. The image comes first: no host is made or met for one that is not there.
 * @throws USAGE, HOST_LIST_INVALID, IMAGE_NOT_FOUND, SANDBOX_IMPOSSIBLE
 */
export async function runOptions(
  flags: FlagValues<typeof runFlags>,
  typed: string,
  context: Context,
): Promise<RunClusterOptions> {
  const { home, progress, signal, dial } = context;
  const name = flags["cluster-name"] ?? "my-cluster";
  const common = { name, image: typed, env: flags.env, cmdArgs: flags["cmd-args"] };
  const findHosts = await hostsBy(flags, common, context);
  const { store, overlayDir, ...images } = await openImages(context);
  if ((await images.findName(typed)) === undefined) await pullMissing(typed, images);
  const blueprint = await readBlueprint(store, await images.nameOf(typed), overlayDir, { progress, signal });
  const { masters, nodes, login, user, port } = await findHosts();
  return {
    desired: clusterFromFlags({ ...common, masters, nodes, user, port }),
    blueprint,
    content: store,
    home,
    login,
    ownKey: !flags["no-key"],
    ...(flags.provider === undefined ? {} : { provider: "sandbox" as const }),
    operator: operator(),
    dial,
    progress,
    signal,
  };
}

interface FoundHosts {
  readonly masters: readonly HostAddress[];
  readonly nodes: readonly HostAddress[];
  readonly user: string;
  readonly port: number;
  readonly login: Login;
}

/** Checks the flags at once, and gives what comes to the hosts later. */
async function hostsBy(
  flags: FlagValues<typeof runFlags>,
  common: {
    readonly name: string;
    readonly image: string;
    readonly env: readonly string[];
    readonly cmdArgs: readonly string[];
  },
  context: Context,
): Promise<() => Promise<FoundHosts>> {
  if (flags.provider !== undefined) {
    if (flags.provider !== "sandbox") {
      throw new SealerError("USAGE", `there is no provider "${flags.provider}"`, {
        hint: "--provider sandbox makes the hosts; without it they are those that -m and -n name.",
      });
    }
    const counts = { masters: countOf("-m", flags.masters, 1), nodes: countOf("-n", flags.nodes, 0) };
    clusterFromFlags({ ...common, masters: [{ address: "10.0.0.1" }], nodes: [], user: "root", port: 22 });
    return () => sandboxHosts(common.name, counts, context);
  }
  const user = flags.user ?? "root";
  const port = portOf(flags.port);
  const masters = parseHostList(flags.masters ?? "", "-m");
  const nodes = parseHostList(flags.nodes ?? "", "-n");
  clusterFromFlags({ ...common, masters, nodes, user, port });
  const login = await readLogin(flags, context);
  return async () => ({ masters, nodes, user, port, login });
}

async function sandboxHosts(
  name: string,
  counts: { readonly masters: number; readonly nodes: number },
  { root, cache, progress, signal }: Context,
): Promise<FoundHosts> {
  const names = [
    ...Array.from({ length: counts.masters }, (_, position) => `${name}-m${position + 1}`),
    ...Array.from({ length: counts.nodes }, (_, position) => `${name}-n${position + 1}`),
  ];
  const sandbox = await createSandbox({ name, hosts: names, root, cacheDir: cache, progress, signal });
  const addresses = sandbox.hosts.map(({ address }) => ({ address }));
  return {
    masters: addresses.slice(0, counts.masters),
    nodes: addresses.slice(counts.masters),
    user: sandbox.user,
    port: 22,
    login: { privateKey: await readFile(sandbox.privateKeyPath, "utf8") },
  };
}

function countOf(flag: string, text: string | undefined, least: number): number {
  const count = Number(text ?? least);
  if (/^\d{1,3}$/.test(text ?? "0") && count >= least) return count;
  throw new SealerError("USAGE", `${flag} says how many hosts to make, not "${text}"`, {
    hint: "For example: --provider sandbox -m 1 -n 2",
  });
}

function portOf(text: string | undefined): number {
  const port = Number(text ?? 22);
  if (/^\d{1,5}$/.test(text ?? "22") && port >= 1 && port <= 65_535) return port;
  throw new SealerError("USAGE", `--port is a port, not "${text}"`);
}
