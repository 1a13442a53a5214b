import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { Client, type ClientChannel, type ParsedKey } from "ssh2";
import { channelProgram } from "./channel-program.ts";
import { channelStream } from "./channel-stream.ts";
import type { Dial } from "./dial.ts";
import { hostName } from "./host-name.ts";
import type { KnownHosts } from "./known-hosts.ts";
import type { RunningProgram } from "./launcher.ts";
import { Login } from "./login.ts";
import { secureAlgorithms } from "./secure-algorithms.ts";
import {
  connectionBroke,
  connectionFailed,
  dialFailed,
  loginRefused,
  noSecureAlgorithm,
} from "./ssh-errors.ts";
import { watchSilence } from "./watch-silence.ts";

export interface SshTarget {
  readonly address: string;
  readonly port: number;
  readonly user: string;
  readonly key: ParsedKey | undefined;
  readonly password: string | undefined;
  readonly dial: Dial;
  readonly knownHosts: KnownHosts;
  /** Milliseconds for the connection, and again for the handshake with the login. */
  readonly connectTimeout: number;
  /** Seconds without a sign of life after which the connection is given up. */
  readonly silence: number;
  readonly onFirstSight: (fingerprint: string) => void;
}

/** One SSH connection. It ends once: by `close`, or by breaking; then `broken` says why. */
export class SshConnection {
  readonly #client: Client;
  readonly #host: string;
  #broken: Error | undefined;

  /** @throws HOST_UNREACHABLE, HOST_LOGIN_REFUSED, HOST_KEY_CHANGED, HOST_KEY_UNKNOWN, HOST_UNFIT */
  static async open(target: SshTarget, signal?: AbortSignal): Promise<SshConnection> {
    const socket = await dialWithin(target, signal);
    const client = new Client();
    const connection = new SshConnection(client, hostName(target.address, target.port));
    const stopWatching = watchSilence(socket, target.silence);
    client.on("error", (error) => connection.#breaks(error));
    client.on("close", () => {
      stopWatching();
      connection.#breaks(socket.errored ?? new Error("the host closed it"));
    });
    gatherWrites(socket);
    try {
      await logIn(client, socket, target, signal);
    } catch (error) {
      stopWatching();
      client.destroy();
      socket.destroy();
      throw error;
    }
    return connection;
  }

  private constructor(client: Client, host: string) {
    this.#client = client;
    this.#host = host;
  }

  get broken(): Error | undefined {
    return this.#broken;
  }

  /**
   * Starts a command line. The failure says whether it may have been started.
   * @throws NotStarted when it surely was not
   */
  exec(commandLine: string): Promise<RunningProgram> {
    return new Promise((resolve, reject) => {
      if (this.#broken) return reject(new NotStarted(this.#broken.message, { cause: this.#broken }));
      const opened = (error: Error | undefined, channel: ClientChannel) => {
        if (!error) resolve(channelProgram(channel, this.#host, () => this.#broken));
        else if (error.message === "Unable to exec")
          reject(connectionBroke(this.#host, this.#broken ?? error));
        else reject(new NotStarted(error.message, { cause: error }));
      };
      try {
        this.#client.exec(commandLine, opened);
      } catch (error) {
        reject(new NotStarted((error as Error).message, { cause: error }));
      }
    });
  }

  forward(address: string, port: number): Promise<Duplex> {
    return new Promise((resolve, reject) => {
      const opened = (error: Error | undefined, channel: ClientChannel) => {
        if (error) reject(connectionFailed(this.#host, hostName(address, port), this.#broken ?? error));
        else resolve(channelStream(channel));
      };
      try {
        this.#client.forwardOut("127.0.0.1", 0, address, port, opened);
      } catch (error) {
        reject(connectionFailed(this.#host, hostName(address, port), this.#broken ?? (error as Error)));
      }
    });
  }

  close(): Promise<void> {
    if (this.#broken) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#client.destroy(), 1000);
      this.#client.once("close", () => {
        clearTimeout(timer);
        resolve();
      });
      this.#client.end();
    });
  }

  #breaks(error: Error): void {
    this.#broken ??= error;
  }
}

/** The command line did not reach the host: running it again cannot run it twice. */
export class NotStarted extends Error {
  override readonly name = "NotStarted";
}

/** The signal that a dial is given never aborts once it has connected: sockets may be tied to it for good. */
async function dialWithin(target: SshTarget, signal: AbortSignal | undefined): Promise<Socket> {
  signal?.throwIfAborted();
  const giveUp = new AbortController();
  const timedOut = new Error("timed out");
  const timer = setTimeout(() => giveUp.abort(timedOut), target.connectTimeout);
  const abort = () => giveUp.abort(signal?.reason);
  signal?.addEventListener("abort", abort, { once: true });
  try {
    const socket = await target.dial(target.address, target.port, giveUp.signal);
    socket.setNoDelay(true);
    return socket;
  } catch (error) {
    signal?.throwIfAborted();
    const host = hostName(target.address, target.port);
    throw dialFailed(host, error, giveUp.signal.aborted, target.connectTimeout);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}

/** ssh2 writes every packet in three pieces; what it writes in answer to one read goes out as one. */
function gatherWrites(socket: Socket): void {
  socket.pause();
  socket.on("data", () => {
    socket.cork();
    setImmediate(() => socket.uncork());
  });
}

async function logIn(client: Client, socket: Socket, target: SshTarget, signal?: AbortSignal): Promise<void> {
  const host = hostName(target.address, target.port);
  const login = new Login(target.user, target.key, target.password);
  const knownTypes = await target.knownHosts.knownTypes(target.address, target.port);
  let refusal: unknown;
  let accepted: Buffer | undefined;
  // Keys are exchanged anew now and then. The answer must then come at once: ssh2 does not wait with what follows.
  const verify = (key: Buffer, answer: (accepted: boolean) => void): boolean | undefined => {
    if (accepted) return accepted.equals(key);
    target.knownHosts.check(target.address, target.port, key).then(
      ({ fingerprint, firstSeen }) => {
        accepted = Buffer.from(key);
        if (firstSeen) target.onFirstSight(fingerprint);
        answer(true);
      },
      (error: unknown) => {
        refusal = error;
        answer(false);
      },
    );
    return undefined;
  };
  await new Promise<void>((resolve, reject) => {
    const abort = () => reject(signal?.reason);
    signal?.addEventListener("abort", abort, { once: true });
    if (signal?.aborted) abort();
    const fail = (error: Error & { level?: string }) => {
      if (refusal !== undefined) reject(refusal);
      else if (/no matching /i.test(error.message)) reject(noSecureAlgorithm(host, error));
      else if (login.tried.length > 0 && isRefusal(error))
        reject(loginRefused(host, target.user, login, error));
      else reject(dialFailed(host, error, error.level === "client-timeout", target.connectTimeout));
    };
    client.once("ready", () => {
      signal?.removeEventListener("abort", abort);
      resolve();
    });
    client.once("error", fail);
    client.once("close", () => fail(new Error("it closed the connection before the login")));
    client.connect({
      sock: socket,
      username: target.user,
      authHandler: login.next as never,
      hostVerifier: verify as never,
      algorithms: secureAlgorithms(knownTypes),
      readyTimeout: target.connectTimeout,
      // The pings only make the host say something; watchSilence decides when it has been silent for too long.
      keepaliveInterval: 1000,
      keepaliveCountMax: Number.MAX_SAFE_INTEGER,
    });
  });
}

/** Errors after the first attempt that mean "no", and not a broken line. A server that has seen enough hangs up. */
function isRefusal(error: Error & { level?: string; code?: unknown }): boolean {
  return (
    error.level === "client-authentication" ||
    typeof error.code === "number" ||
    /before the login/.test(error.message)
  );
}
