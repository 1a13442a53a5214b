import type { Duplex } from "node:stream";
import { retry, SingleFlight } from "#concurrency";
import { SealerError } from "#errors";
import { hostName } from "./host-name.ts";
import type { Launcher, RunningProgram } from "./launcher.ts";
import { SessionGate } from "./session-gate.ts";
import { shellQuote } from "./shell-quote.ts";
import { NotStarted, SshConnection, type SshTarget } from "./ssh-connection.ts";
import { connectionBroke } from "./ssh-errors.ts";

/** Programs over one SSH connection, which is made again for the next program when it has broken. */
export class SshLauncher implements Launcher {
  readonly address: string;
  readonly #target: SshTarget;
  readonly #reconnecting = new SingleFlight<"connection", SshConnection>();
  readonly #sessions = new SessionGate();
  #connection: SshConnection;
  #closed = false;

  static async open(target: SshTarget, signal?: AbortSignal): Promise<SshLauncher> {
    return new SshLauncher(target, await SshConnection.open(target, signal));
  }

  private constructor(target: SshTarget, connection: SshConnection) {
    this.address = hostName(target.address, target.port);
    this.#target = target;
    this.#connection = connection;
  }

  async launch(argv: readonly string[], signal?: AbortSignal): Promise<RunningProgram> {
    const commandLine = `exec ${shellQuote(argv)}`;
    const leave = await this.#sessions.enter(signal);
    try {
      const program = await this.#start(commandLine, signal);
      program.ended.then(leave, leave);
      return program;
    } catch (error) {
      leave();
      throw error instanceof NotStarted ? connectionBroke(this.address, error) : error;
    }
  }

  async connect(address: string, port: number): Promise<Duplex> {
    return (await this.#current()).forward(address, port);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#connection.close();
  }

  /** A command is sent again only when it surely was not started: on a connection that turned out to be broken. */
  async #start(commandLine: string, signal?: AbortSignal): Promise<RunningProgram> {
    for (let attempt = 1; ; ) {
      const connection = await this.#current(signal);
      try {
        return await connection.exec(commandLine);
      } catch (error) {
        if (!(error instanceof NotStarted) || attempt >= 20) throw error;
        const explained = !connection.broken && (await this.#sessions.refused(signal));
        if (!explained) attempt++;
      }
    }
  }

  async #current(signal?: AbortSignal): Promise<SshConnection> {
    if (this.#closed) throw new Error(`the connection to ${this.address} was closed`);
    if (!this.#connection.broken) return this.#connection;
    return this.#reconnecting.run("connection", async () => {
      this.#connection = await retry(() => SshConnection.open(this.#target, signal), {
        attempts: 5,
        delay: 250,
        signal,
        worthRetrying: (error) => error instanceof SealerError && error.code === "HOST_UNREACHABLE",
      });
      return this.#connection;
    });
  }
}
