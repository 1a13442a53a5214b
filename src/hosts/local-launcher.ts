import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { dialTcp } from "./dial.ts";
import { hostName } from "./host-name.ts";
import type { Launcher, ProgramEnd, RunningProgram } from "./launcher.ts";
import { signalNumber } from "./signal-number.ts";
import { connectionFailed } from "./ssh-errors.ts";

/** Programs on this machine, as the user that sealer runs as. */
export class LocalLauncher implements Launcher {
  readonly address: string;
  readonly #folder: string;

  constructor(address = "localhost", folder = "/") {
    this.address = address;
    this.#folder = folder;
  }

  async launch(argv: readonly string[]): Promise<RunningProgram> {
    const [program = "", ...args] = argv;
    // A group of its own: a terminal's interrupt is ours to pass on, and stopping reaches what the program started.
    const child = spawn(program, args, { cwd: this.#folder, detached: true, stdio: "pipe" });
    const failed = once(child, "error").then(([error]) => {
      throw error;
    });
    await Promise.race([once(child, "spawn"), failed]);
    failed.catch(() => {});
    const ended = once(child, "close").then(
      ([code, signal]): ProgramEnd =>
        code === null ? { exitCode: 128 + signalNumber(signal), signal } : { exitCode: code },
    );
    return {
      stdin: child.stdin,
      stdout: child.stdout,
      stderr: child.stderr,
      ended,
      stop() {
        if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
        try {
          process.kill(-child.pid, "SIGTERM");
        } catch {
          // It ended in this very moment.
        }
        child.stdin.destroy();
      },
    };
  }

  async connect(address: string, port: number): Promise<Duplex> {
    try {
      return await dialTcp(address, port);
    } catch (error) {
      throw connectionFailed(this.address, hostName(address, port), error as Error);
    }
  }

  async close(): Promise<void> {}
}
