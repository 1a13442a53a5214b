import { randomUUID } from "node:crypto";
import type { Duplex } from "node:stream";
import { SealerError } from "#errors";
import { deadlinePassed } from "./deadline-passed.ts";
import { type Elevation, elevated, findElevation } from "./elevation.ts";
import type { CommandResult, FileStat, Host, LookingProgram, RunOptions, WriteOptions } from "./host.ts";
import { HostCommandError } from "./host-command-error.ts";
import type { Launcher } from "./launcher.ts";
import { lookingCommand } from "./looking-command.ts";
import { type ProgramOutcome, runProgram } from "./run-program.ts";
import { encodeVariables } from "./variables.ts";
import { writeThroughScript } from "./write-through-script.ts";

const outputLimit = 1024 * 1024;
const fileLimit = 16 * 1024 * 1024;

export interface PosixHostOptions {
  /** For sudo, where it asks. */
  readonly password?: string | undefined;
  /** Masked in every message of this host. */
  readonly secrets?: readonly string[] | undefined;
}

/** A Host out of whatever starts programs on a machine with bash and coreutils. */
export class PosixHost implements Host {
  readonly #launcher: Launcher;
  readonly #options: PosixHostOptions;
  #elevation: Elevation | undefined;

  constructor(launcher: Launcher, options: PosixHostOptions = {}) {
    this.#launcher = launcher;
    this.#options = options;
  }

  /**
   * Makes sure that programs can run as root. The first program does it too; asked early, it is a preflight.
   * @throws HOST_UNFIT says why not
   */
  async becomeRoot(signal?: AbortSignal): Promise<Elevation> {
    this.#elevation ??= await findElevation(this.#launcher, this.#options.password, signal);
    return this.#elevation;
  }

  get address(): string {
    return this.#launcher.address;
  }

  async run(argv: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
    const { exitCode, signal, stdout, stderr } = await this.#start(argv, options, outputLimit);
    return { exitCode, signal, stdout: stdout.text(), stderr: stderr.text() };
  }

  query(argv: readonly [LookingProgram, ...string[]]): Promise<CommandResult> {
    return this.#look(lookingCommand(argv), outputLimit).then((outcome) => ({
      exitCode: outcome.exitCode,
      signal: outcome.signal,
      stdout: outcome.stdout.text(),
      stderr: outcome.stderr.text(),
    }));
  }

  async readFile(path: string): Promise<Buffer | undefined> {
    const outcome = await this.#lookAt(
      path,
      `[ -e "$1" ] || exit ${absent}; head -c ${fileLimit + 1} -- "$1"`,
      fileLimit + 1,
    );
    if (outcome && outcome.stdout.total > fileLimit) {
      throw new SealerError("HOST_UNFIT", `${this.address}: ${path} is larger than 16 MiB`, {
        where: this.address,
      });
    }
    return outcome?.stdout.bytes();
  }

  async stat(path: string): Promise<FileStat | undefined> {
    const script = `[ -e "$1" ] || [ -L "$1" ] || exit ${absent}; stat -c '%f %s %u %g' -- "$1"`;
    const outcome = await this.#lookAt(path, script, outputLimit);
    return outcome && parseStat(outcome.stdout.text());
  }

  async list(path: string): Promise<readonly string[] | undefined> {
    const script = `[ -e "$1" ] || exit ${absent}; cd -- "$1" || exit 1; shopt -s nullglob dotglob; n=(*); [ \${#n[@]} -eq 0 ] || printf '%s\\0' "\${n[@]}"`;
    const outcome = await this.#lookAt(path, script, fileLimit);
    return outcome?.stdout.text().split("\0").slice(0, -1).sort();
  }

  writeFile(path: string, content: Uint8Array | string, options: WriteOptions = {}): Promise<void> {
    return writeThroughScript(this, path, content, options);
  }

  connect(address: string, port: number): Promise<Duplex> {
    return this.#launcher.connect(address, port);
  }

  close(): Promise<void> {
    return this.#launcher.close();
  }

  get #hostSecrets(): readonly string[] {
    const { password, secrets = [] } = this.#options;
    return password === undefined ? secrets : [...secrets, password];
  }

  async #lookAt(path: string, script: string, limit: number): Promise<ProgramOutcome | undefined> {
    const argv = ["bash", "-c", script, "look", path];
    const outcome = await this.#look(argv, limit);
    if (outcome.exitCode === absent) return undefined;
    if (outcome.exitCode === 0) return outcome;
    const result = { exitCode: outcome.exitCode, stdout: "", stderr: outcome.stderr.text() };
    throw new HostCommandError(this.address, ["look", "at", path], result, this.#hostSecrets);
  }

  /** Looking can be repeated, so a connection that breaks meanwhile is not the caller's affair, once. */
  async #look(argv: readonly string[], limit: number): Promise<ProgramOutcome> {
    try {
      return await this.#start(argv, { env: { LC_ALL: "C" } }, limit);
    } catch (error) {
      if (!isUnreachable(error)) throw error;
      return await this.#start(argv, { env: { LC_ALL: "C" } }, limit);
    }
  }

  async #start(argv: readonly string[], options: RunOptions, limit: number): Promise<ProgramOutcome> {
    const timeout = options.deadline === undefined ? undefined : AbortSignal.timeout(options.deadline);
    const signals = [options.signal, timeout].filter((signal) => signal !== undefined);
    const signal = signals.length > 0 ? AbortSignal.any(signals) : undefined;
    signal?.throwIfAborted();
    const secrets = [...(options.secrets ?? []), ...this.#hostSecrets];
    const run = randomUUID();
    const { command, header } = await this.#commandFor(argv, { ...options.env, [runVariable]: run });
    try {
      const program = await this.#launcher.launch(command, signal);
      const stdin = after(header, options.stdin);
      return await runProgram(program, { ...options, stdin, secrets, signal }, limit);
    } catch (error) {
      if (!isUnreachable(error)) await this.#end(run);
      if (timeout?.aborted && error === timeout.reason && !options.signal?.aborted) {
        throw deadlinePassed(this.address, argv, options.deadline ?? 0, secrets);
      }
      throw error;
    }
  }

  async #commandFor(argv: readonly string[], env: Readonly<Record<string, string>>) {
    const variables = encodeVariables(env);
    const elevation = await this.becomeRoot();
    const password = elevation.kind === "sudo-password" ? `${elevation.password}\n` : "";
    return {
      command: elevated(elevation, ["bash", "-c", reader, "sealer", ...argv]),
      header: `${password}sealer-variables\n${variables}\0`,
    };
  }

  /** sshd passes no signals on to what root runs, so a second program ends everything that belongs to a run. */
  async #end(run: string): Promise<void> {
    const signal = AbortSignal.timeout(3000);
    try {
      const { command, header } = await this.#commandFor(
        ["bash", "-c", ender, "end", `${runVariable}=${run}`],
        {},
      );
      await runProgram(await this.#launcher.launch(command, signal), { stdin: header, signal }, 1024);
    } catch {
      // What was to be told is why the program was given up.
    }
  }
}

/** Marks the processes of one run: what a program starts inherits it. */
const runVariable = "SEALER_RUN";

const ender =
  'cd /proc && grep -lszFx -- "$1" [0-9]*/environ | while IFS=/ read -r p _; do kill -TERM "$p" 2>/dev/null; done; true';

function isUnreachable(error: unknown): boolean {
  return error instanceof SealerError && error.code === "HOST_UNREACHABLE";
}

/** The exit code by which our own looking scripts say that there is nothing at the path. */
const absent = 66;

/**
 * Runs before every program: reads its variables from standard input and becomes the program, which finds the rest of
 * the input untouched (bash reads a pipe byte by byte). The first line is sudo's password where sudo did not want it.
 * A header that breaks off runs nothing.
 */
const reader = [
  'PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:$PATH"; export PATH',
  'IFS= read -r l; [ "$l" = sealer-variables ] || IFS= read -r l; [ "$l" = sealer-variables ] || exit 125',
  'while :; do IFS= read -r -d "" l || exit 125; [ -n "$l" ] || break; export "$l" || exit 125; done',
  'unset l; exec -- "$@"',
].join("; ");

function after(header: string, stdin: RunOptions["stdin"]): NonNullable<RunOptions["stdin"]> {
  if (stdin === undefined) return header;
  if (typeof stdin === "string") return header + stdin;
  if (stdin instanceof Uint8Array) return Buffer.concat([Buffer.from(header), stdin]);
  return (async function* () {
    yield Buffer.from(header);
    yield* stdin;
  })();
}

function parseStat(line: string): FileStat {
  const [raw = "", size = "", uid = "", gid = ""] = line.trim().split(" ");
  const mode = Number.parseInt(raw, 16);
  return {
    type: typeOf(mode & 0o170000),
    size: Number(size),
    mode: mode & 0o7777,
    uid: Number(uid),
    gid: Number(gid),
  };
}

function typeOf(format: number): FileStat["type"] {
  if (format === 0o100000) return "file";
  if (format === 0o040000) return "directory";
  return format === 0o120000 ? "symlink" : "other";
}
