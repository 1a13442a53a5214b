import type { Duplex } from "node:stream";

/** A machine as seen by code that only looks. Nothing here can change anything. */
export interface HostView {
  /** How messages name the host: its address, with the port where it is not 22. */
  readonly address: string;
  /** Undefined where there is no such file. At most 16 MiB; more is an error. */
  readFile(path: string): Promise<Buffer | undefined>;
  /** What the path itself is; a symbolic link is not followed. */
  stat(path: string): Promise<FileStat | undefined>;
  /** Names in a folder, sorted; undefined where there is no such folder. */
  list(path: string): Promise<readonly string[] | undefined>;
  /** Runs a program that only looks. It never throws for an exit code. */
  query(argv: readonly [LookingProgram, ...string[]]): Promise<CommandResult>;
}

/** A machine that may be changed. A dry run is never given one. */
export interface Host extends HostView {
  /**
   * Runs a program as root (through sudo where the login is not root). It never throws for an exit code. A program
   * that cannot be found exits 127.
   * @throws HOST_UNREACHABLE when the connection breaks before the program has ended: it may still be running
   * @throws HOST_COMMAND_FAILED when the deadline passes; `signal.reason` when the signal aborts. Either way the
   *   program and what it started are sent SIGTERM
   */
  run(argv: readonly string[], options?: RunOptions): Promise<CommandResult>;
  /**
   * Replaces a file in one step: what stood there before stays until the new content is whole and on disk. A
   * symbolic link at `path` is followed. Missing folders are made with the file's owner: 0700 where the file is closed
   * to others, 0755 otherwise.
   * @throws HOST_DISK_FULL, HOST_COMMAND_FAILED
   */
  writeFile(path: string, content: Uint8Array | string, options?: WriteOptions): Promise<void>;
  /** A byte stream to an address and port as seen from the host (SSH direct-tcpip). */
  connect(address: string, port: number): Promise<Duplex>;
  close(): Promise<void>;
}

export interface RunOptions {
  /** Goes to the program's standard input, which is closed after it; without it the input is empty. */
  readonly stdin?: AsyncIterable<Uint8Array | string> | Uint8Array | string | undefined;
  /** Variables for the program. They travel as data, never as shell text, and never in an argument list. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Called for each line as it comes, of both streams; secrets are masked in it. */
  readonly onLine?: ((line: string, stream: "stdout" | "stderr") => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds after which the program is given up; none by default. */
  readonly deadline?: number | undefined;
  /** Strings that must not stand in any message, log or error. */
  readonly secrets?: readonly string[] | undefined;
}

export interface WriteOptions {
  /** Permission bits; 0o644 by default, whatever the umask there. Until they are set nobody but root can read it. */
  readonly mode?: number | undefined;
  /** Numeric ids; root's by default. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface CommandResult {
  /** 128 + number for a program that a signal ended, as shells say it. */
  readonly exitCode: number;
  /** Such as "SIGKILL", where a signal ended the program. */
  readonly signal?: string | undefined;
  /** The last 1 MiB of each stream; control characters as they came. */
  readonly stdout: string;
  readonly stderr: string;
}

export interface FileStat {
  readonly type: "file" | "directory" | "symlink" | "other";
  readonly size: number;
  /** Permission bits, such as 0o600. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** The closed list of programs that only look. What each one runs is in looking-command.ts. */
export type LookingProgram = (typeof lookingPrograms)[number];
export const lookingPrograms = [
  "cat",
  "command-exists",
  "date",
  "df",
  "findmnt",
  "getent",
  "hostname",
  "id",
  "ip-address",
  "ip-route",
  "ip-route-get",
  "listening-ports",
  "nproc",
  "sha256sum",
  "systemctl-is-active",
  "systemctl-is-enabled",
  "systemctl-show",
  "uname",
  "kubectl-get",
  "docker-inspect",
  "crictl-images",
] as const;
