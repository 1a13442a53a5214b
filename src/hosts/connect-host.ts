import type { Progress } from "#progress";
import { noProgress } from "#progress";
import { type Dial, dialTcp } from "./dial.ts";
import type { Host } from "./host.ts";
import { hostName } from "./host-name.ts";
import type { KnownHosts } from "./known-hosts.ts";
import { PosixHost } from "./posix-host.ts";
import { parsePrivateKey } from "./private-key.ts";
import { SshLauncher } from "./ssh-launcher.ts";

export interface SshOptions {
  readonly address: string;
  /** 22 by default. */
  readonly port?: number | undefined;
  /** root by default. Another user becomes root through sudo. */
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  /** The text of the key (OpenSSH, PEM). With a password too, the key is tried first. */
  readonly privateKey?: string | undefined;
  readonly passphrase?: string | undefined;
  /** The password for sudo; `password` by default. */
  readonly sudoPassword?: string | undefined;
  readonly knownHosts: KnownHosts;
  /** Plain TCP by default. */
  readonly dial?: Dial | undefined;
  /** Told the fingerprint of a host that is met for the first time. */
  readonly progress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds for the connection, and again for the login; 15 000 by default. */
  readonly connectTimeout?: number | undefined;
  /** Seconds without a sign of life after which a connection counts as broken; 10 by default. */
  readonly silence?: number | undefined;
}

/**
 * Logs in to a host over SSH and makes sure that commands there can run as root. One connection carries all commands; when it
 * breaks, the next command makes a new one.
 * @throws HOST_UNREACHABLE, HOST_LOGIN_REFUSED, HOST_KEY_CHANGED, HOST_KEY_UNKNOWN, HOST_UNFIT
 */
export async function connectHost(options: SshOptions): Promise<Host> {
  const { address, port = 22, password, passphrase, progress = noProgress, signal } = options;
  const key = options.privateKey === undefined ? undefined : parsePrivateKey(options.privateKey, passphrase);
  const launcher = await SshLauncher.open(
    {
      address,
      port,
      user: options.user ?? "root",
      key,
      password,
      dial: options.dial ?? dialTcp,
      knownHosts: options.knownHosts,
      connectTimeout: options.connectTimeout ?? 15_000,
      silence: options.silence ?? 10,
      onFirstSight: (fingerprint) => {
        const host = hostName(address, port);
        progress({
          type: "note",
          level: "info",
          text: `Met ${host} for the first time: its key is ${fingerprint}`,
          host,
        });
      },
    },
    signal,
  );
  const sudoPassword = options.sudoPassword ?? password;
  const secrets = [password, passphrase, sudoPassword, options.privateKey].filter(
    (secret) => secret !== undefined,
  );
  const host = new PosixHost(launcher, { password: sudoPassword, secrets });
  try {
    await host.becomeRoot(signal);
    return host;
  } catch (error) {
    await host.close();
    throw error;
  }
}
