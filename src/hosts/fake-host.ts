import { mkdtempSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Duplex } from "node:stream";
import { deadlinePassed } from "./deadline-passed.ts";
import { FakeRoot } from "./fake-root.ts";
import type { CommandResult, FileStat, Host, LookingProgram, RunOptions, WriteOptions } from "./host.ts";
import { hostName } from "./host-name.ts";
import { LineSplitter } from "./line-splitter.ts";
import { lookingCommand } from "./looking-command.ts";
import { messageText } from "./message-text.ts";
import { type SentScript, scriptIn } from "./run-script.ts";
import { connectionFailed } from "./ssh-errors.ts";
import { encodeVariables } from "./variables.ts";

/** One run of a program on a fake host. */
export interface FakeCall {
  readonly argv: readonly string[];
  readonly stdin: string;
  readonly env: Readonly<Record<string, string>>;
  /** The script, where it is one that runScript sent. */
  readonly script?: SentScript | undefined;
  readonly host: FakeHost;
  /** Aborts when the caller gives the program up, or its deadline passes. */
  readonly signal: AbortSignal;
}

/** What a program does: exit with a number, print a text, or anything. */
export type FakeProgram = number | string | ((call: FakeCall) => FakeReply | Promise<FakeReply>);
export type FakeReply = number | string | Partial<CommandResult>;

export interface FakeHostOptions {
  /** The folder that stands for `/`; a temporary one of its own by default. */
  readonly root?: string;
  /**
   * Programs by the words they begin with ("kubeadm", "kubeadm join"; the longest match wins). A script that runScript
   * sent begins with its name. What is not here exits 127.
   */
  readonly programs?: Readonly<Record<string, FakeProgram>>;
  /** Opens a stream to what is reached from the host; a failure is told as the host's. Nothing is, by default. */
  readonly reach?: (address: string, port: number) => Duplex | Promise<Duplex>;
}

/** A host for tests: real files below a folder, programs that the test writes, and a record of what ran. */
export class FakeHost implements Host, AsyncDisposable {
  readonly address: string;
  /** The folder that stands for `/`. */
  readonly root: string;
  /** What was run, a line each: the words of the program, or a script's name and arguments. Looking is not here. */
  readonly ran: string[] = [];
  readonly calls: FakeCall[] = [];
  readonly #files: FakeRoot;
  readonly #ownRoot: boolean;
  readonly #programs: Readonly<Record<string, FakeProgram>>;
  readonly #reach: NonNullable<FakeHostOptions["reach"]>;
  /** Owners are remembered, because only root could give files away. */
  readonly #owners = new Map<string, { uid: number; gid: number }>();

  constructor(address = "10.0.0.1", { root, programs = {}, reach = refuse }: FakeHostOptions = {}) {
    this.address = address;
    this.root = root ?? mkdtempSync(join(tmpdir(), "fake-host-"));
    this.#ownRoot = root === undefined;
    this.#files = new FakeRoot(this.root);
    this.#programs = programs;
    this.#reach = reach;
  }

  async readFile(path: string): Promise<Buffer | undefined> {
    return unlessAbsent(readFile(await this.#files.resolve(path)));
  }

  async stat(path: string): Promise<FileStat | undefined> {
    const real = await this.#files.resolve(path, { followLast: false });
    const found = await unlessAbsent(this.#files.lstat(real));
    const owner = this.#owners.get(real);
    return found && { ...found, ...owner };
  }

  async list(path: string): Promise<readonly string[] | undefined> {
    return (await unlessAbsent(readdir(await this.#files.resolve(path))))?.sort();
  }

  async query(argv: readonly [LookingProgram, ...string[]]): Promise<CommandResult> {
    const command = lookingCommand(argv);
    const [name, path = ""] = argv;
    const content = name === "cat" ? await this.readFile(path) : undefined;
    if (content) return result({ stdout: content.toString() });
    const program =
      this.#programFor(argv) ?? (name === "command-exists" ? undefined : this.#programFor(command));
    if (program !== undefined)
      return reply(program, { argv, stdin: "", env: {}, host: this, signal: new AbortController().signal });
    if (name === "command-exists") {
      const found = argv.slice(1).filter((wanted) => this.#hasProgram(wanted));
      return result({
        exitCode: found.length > 0 ? 0 : 1,
        stdout: found.map((wanted) => `/usr/bin/${wanted}\n`).join(""),
      });
    }
    return notFound(name);
  }

  async run(argv: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
    options.signal?.throwIfAborted();
    const env = options.env ?? {};
    encodeVariables(env);
    const stdin = await textOf(options.stdin);
    const script = scriptIn(argv, stdin);
    const words = script ? [script.name, ...script.args] : argv;
    const timeout = options.deadline === undefined ? undefined : AbortSignal.timeout(options.deadline);
    const signal = AbortSignal.any([options.signal, timeout].filter((one) => one !== undefined));
    const call: FakeCall = { argv, stdin, env, script, host: this, signal };
    this.ran.push(words.join(" "));
    this.calls.push(call);
    const program = this.#programFor(words);
    const outcome =
      program === undefined ? notFound(words[0] ?? "") : await this.#within(call, program, options, timeout);
    tellLines(outcome, options);
    return outcome;
  }

  async writeFile(path: string, content: Uint8Array | string, options: WriteOptions = {}): Promise<void> {
    const { mode = 0o644, owner = { uid: 0, gid: 0 } } = options;
    const real = await this.#files.resolve(path);
    if ((await this.stat(path))?.type === "directory") throw new Error(`${path} is a folder`);
    await mkdir(dirname(real), { recursive: true, mode: mode & 0o077 ? 0o755 : 0o700 });
    const temporary = `${real}.writing`;
    await rm(temporary, { force: true });
    await writeFile(temporary, content, { mode: 0o600, flag: "wx" });
    await this.#files.chmod(temporary, mode);
    await rename(temporary, real);
    this.#owners.set(real, owner);
  }

  async connect(address: string, port: number): Promise<Duplex> {
    try {
      return await this.#reach(address, port);
    } catch (error) {
      throw connectionFailed(this.address, hostName(address, port), error as Error);
    }
  }

  async close(): Promise<void> {}

  /** Removes the temporary folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ownRoot) await rm(this.root, { recursive: true, force: true });
  }

  #programFor(words: readonly string[]): FakeProgram | undefined {
    const text = words.join(" ");
    const names = Object.keys(this.#programs).filter((name) => text === name || text.startsWith(`${name} `));
    const longest = names.sort((a, b) => b.length - a.length)[0];
    return longest === undefined ? undefined : this.#programs[longest];
  }

  async #within(call: FakeCall, program: FakeProgram, options: RunOptions, timeout: AbortSignal | undefined) {
    const stopped = Promise.withResolvers<never>();
    const stop = () => {
      const late = deadlinePassed(this.address, call.argv, options.deadline ?? 0, options.secrets ?? []);
      stopped.reject(timeout?.aborted ? late : call.signal.reason);
    };
    call.signal.addEventListener("abort", stop, { once: true });
    try {
      return await Promise.race([reply(program, call), stopped.promise]);
    } finally {
      call.signal.removeEventListener("abort", stop);
    }
  }

  #hasProgram(name: string): boolean {
    return Object.keys(this.#programs).some((key) => key.split(" ")[0] === name);
  }
}

function refuse(): never {
  throw new Error("connection refused");
}

async function reply(program: FakeProgram, call: FakeCall): Promise<CommandResult> {
  const said = typeof program === "function" ? await program(call) : program;
  if (typeof said === "number") return result({ exitCode: said });
  return result(typeof said === "string" ? { stdout: said } : said);
}

function result(facts: Partial<CommandResult>): CommandResult {
  return { exitCode: 0, stdout: "", stderr: "", ...facts };
}

function notFound(name: string): CommandResult {
  return result({ exitCode: 127, stderr: `${name}: command not found\n` });
}

function tellLines(outcome: CommandResult, { onLine, secrets = [] }: RunOptions): void {
  if (!onLine) return;
  for (const stream of ["stdout", "stderr"] as const) {
    const splitter = new LineSplitter((line) => onLine(messageText(line, secrets), stream));
    splitter.add(Buffer.from(outcome[stream]));
    splitter.end();
  }
}

async function textOf(stdin: RunOptions["stdin"]): Promise<string> {
  if (stdin === undefined) return "";
  if (typeof stdin === "string") return stdin;
  if (stdin instanceof Uint8Array) return Buffer.from(stdin).toString();
  const chunks: Buffer[] = [];
  for await (const chunk of stdin) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks).toString();
}

async function unlessAbsent<Value>(value: Promise<Value>): Promise<Value | undefined> {
  try {
    return await value;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw error;
  }
}
