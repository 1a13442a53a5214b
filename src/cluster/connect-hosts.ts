import type { DesiredHost } from "#clusterfile";
import { mapLimited } from "#concurrency";
import { SealerError } from "#errors";
import { connectHost, type Dial, type Host, KnownHosts } from "#hosts";
import type { Progress } from "#progress";
import type { ClusterHome } from "./cluster-home.ts";

/** How to log in to hosts that do not have the cluster's key yet. */
export interface Login {
  readonly password?: string | undefined;
  /** PEM text. */
  readonly privateKey?: string | undefined;
  readonly passphrase?: string | undefined;
}

export interface ConnectOptions {
  readonly home: ClusterHome;
  readonly login: Login;
  /** Whether to try the cluster's own key first. */
  readonly ownKey: boolean;
  readonly dial: Dial;
  readonly progress: Progress;
  readonly signal?: AbortSignal | undefined;
}

export interface ConnectedHost {
  readonly host: Host;
  readonly byClusterKey: boolean;
}

/** What commands reach hosts by; tests put other ones in its place. */
export type Connect = (hosts: readonly DesiredHost[], options: ConnectOptions) => Promise<Connections>;

/** Connections to hosts, closed together; those that failed are told one by one. */
export class Connections implements AsyncDisposable {
  readonly connected: ReadonlyMap<string, ConnectedHost>;
  readonly failed: ReadonlyMap<string, unknown>;

  constructor(connected: ReadonlyMap<string, ConnectedHost>, failed: ReadonlyMap<string, unknown>) {
    this.connected = connected;
    this.failed = failed;
  }

  get(address: string): Host {
    const found = this.connected.get(address);
    if (!found) throw this.failed.get(address) ?? new Error(`there is no connection to ${address}`);
    return found.host;
  }

  /** The same connections with other failures: for those who do not mind some of them. */
  withFailures(failed: ReadonlyMap<string, unknown>): Connections {
    return new Connections(this.connected, failed);
  }

  /** @throws the one failure, or HOST_UNREACHABLE that tells all of them */
  mustAll(): void {
    const failures = [...this.failed.values()];
    if (failures.length === 1) throw failures[0];
    if (failures.length === 0) return;
    const bug = failures.find((failure) => !(failure instanceof SealerError));
    if (bug) throw bug;
    const known = failures.filter((failure) => failure instanceof SealerError);
    throw new SealerError(
      known[0]?.code ?? "HOST_UNREACHABLE",
      `${known.length} hosts cannot be reached:\n${known.map(({ message }) => `  ${message}`).join("\n")}`,
      {
        where: [...this.failed.keys()].join(", "),
        hint: [...new Set(known.flatMap(({ hint }) => hint ?? []))].join("\n") || undefined,
      },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled([...this.connected.values()].map(({ host }) => host.close()));
  }
}

/** Logs in to every host at once; never throws for one that cannot be reached. */
export const connectHosts: Connect = async (hosts, options) => {
  const connected = new Map<string, ConnectedHost>();
  const failed = new Map<string, unknown>();
  const knownHosts = new KnownHosts(options.home.knownHosts);
  const clusterKey = options.ownKey ? (await options.home.sshKey()).privateKey : undefined;
  await mapLimited(hosts, 30, async (wanted) => {
    try {
      connected.set(wanted.address, await connectOne(wanted, { ...options, knownHosts, clusterKey }));
    } catch (error) {
      options.signal?.throwIfAborted();
      failed.set(wanted.address, error);
    }
  });
  return new Connections(connected, failed);
};

async function connectOne(
  { address, port, user }: DesiredHost,
  options: ConnectOptions & { readonly knownHosts: KnownHosts; readonly clusterKey: string | undefined },
): Promise<ConnectedHost> {
  const { login, clusterKey, knownHosts, dial, progress, signal } = options;
  const common = { address, port, user, knownHosts, dial, progress, signal, sudoPassword: login.password };
  const given = login.password !== undefined || login.privateKey !== undefined;
  if (clusterKey !== undefined) {
    try {
      return { host: await connectHost({ ...common, privateKey: clusterKey }), byClusterKey: true };
    } catch (error) {
      if (!given || !(error instanceof SealerError) || error.code !== "HOST_LOGIN_REFUSED") throw error;
    }
  }
  const { password, privateKey, passphrase } = login;
  return {
    host: await connectHost({ ...common, password, privateKey, passphrase }),
    byClusterKey: false,
  };
}
