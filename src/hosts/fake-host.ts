import { mkdtempSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Duplex } from "node:stream";
import { SealerError } from "#errors";
import { deadlinePassed } from "./deadline-passed.ts";
import { FakeRoot } from "./fake-root.ts";
import type { CommandResult, FileStat, Host, LookingProgram, RunOptions, WriteOptions } from "./host.ts";
import { LineSplitter } from "./line-splitter.ts";
import { lookingCommand } from "./looking-command.ts";
import { messageText } from "./message-text.ts";
import { type SentScript, scriptIn } from "./run-script.ts";
import { encodeVariables } from "./variables.ts";

/** One run of a program on a fake host. */
export interface FakeCall {
  readonly argv: readonly string[];
  readonly stdin: string;
  readonly env: Readonly<Record<string, string>>;
  /** The script, where it is one that runScript sent. */
  readonly script?: SentScript | undefined;
  readonly host: FakeHost;
  readonly signal?: AbortSignal | undefined;
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
  /** What is reached from the host, by `address:port`. */
  readonly services?: Readonly<Record<string, () => Duplex | Promise<Duplex>>>;
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
  readonly #services: NonNullable<FakeHostOptions["services"]>;
  /** Owners are remembered, because only root could give files away. */
  readonly #owners = new Map<string, { uid: number; gid: number }>();

  constructor(address = "10.0.0.1", { root, programs = {}, services = {} }: FakeHostOptions = {}) {
    this.address = address;
    this.root = root ?? mkdtempSync(join(tmpdir(), "fake-host-"));
    this.#ownRoot = root === undefined;
    this.#files = new FakeRoot(this.root);
    this.#programs = programs;
    this.#services = services;
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
    const program = this.#programFor(argv) ?? this.#programFor(command);
    if (program !== undefined) return reply(program, { argv, stdin: "", env: {}, host: this });
    const [name, path = ""] = argv;
    if (name === "cat") {
      const content = await this.readFile(path);
      return content
        ? result({ stdout: content.toString() })
        : result({ exitCode: 1, stderr: `cat: ${path}: No such file or directory` });
    }
    if (name === "command-exists") {
      const found = argv.slice(1).filter((program) => this.#hasProgram(program));
      return result({
        exitCode: found.length > 0 ? 0 : 1,
        stdout: found.map((program) => `/usr/bin/${program}\n`).join(""),
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
    const call: FakeCall = { argv, stdin, env, script, host: this, signal: options.signal };
    this.ran.push(words.join(" "));
    this.calls.push(call);
    const program = this.#programFor(words);
    const outcome =
      program === undefined
        ? notFound(words[0] ?? "")
        : await within(this.address, argv, options, reply(program, call));
    tellLines(outcome, options);
    return outcome;
  }

  async writeFile(path: string, content: Uint8Array | string, options: WriteOptions = {}): Promise<void> {
    const { mode = 0o644, owner = { uid: 0, gid: 0 } } = options;
    const real = await this.#files.resolve(path);
    await mkdir(dirname(real), { recursive: true, mode: mode & 0o077 ? 0o755 : 0o700 });
    const temporary = `${real}.writing`;
    await rm(temporary, { force: true });
    await writeFile(temporary, content, { mode: 0o600, flag: "wx" });
    await this.#files.chmod(temporary, mode);
    await rename(temporary, real);
    this.#owners.set(real, owner);
  }

  async connect(address: string, port: number): Promise<Duplex> {
    const service = this.#services[`${address}:${port}`];
    if (service) return service();
    throw new SealerError(
      "HOST_UNREACHABLE",
      `${this.address} cannot connect to ${address}:${port}: connection refused`,
      {
        where: this.address,
      },
    );
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

  #hasProgram(name: string): boolean {
    return Object.keys(this.#programs).some((key) => key.split(" ")[0] === name);
  }
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

async function within(
  address: string,
  argv: readonly string[],
  { signal, deadline, secrets = [] }: RunOptions,
  work: Promise<CommandResult>,
): Promise<CommandResult> {
  const timeout = deadline === undefined ? undefined : AbortSignal.timeout(deadline);
  const either = AbortSignal.any([signal, timeout].filter((one) => one !== undefined));
  const stopped = new Promise<never>((_resolve, reject) => {
    either.addEventListener("abort", () =>
      reject(timeout?.aborted ? deadlinePassed(address, argv, deadline ?? 0, secrets) : either.reason),
    );
  });
  return Promise.race([work, stopped]);
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
