import type { Duplex, Readable } from "node:stream";

/** A machine as seen by code that only looks. Nothing here can change anything. */
export interface HostView {
  /** How messages name the host: its address, with the port where it is not 22. */
  readonly address: string;
  /** Undefined where there is no such file. At most 16 MiB; more is an error. */
  readFile(path: string): Promise<Buffer | undefined>;
  stat(path: string): Promise<FileStat | undefined>;
  /** Names in a folder, sorted; undefined where there is no such folder. */
  list(path: string): Promise<readonly string[] | undefined>;
  /** Runs a program that only looks. It never throws for an exit code. */
  query(argv: readonly [LookingProgram, ...string[]]): Promise<CommandResult>;
}

/** A machine that may be changed. A dry run is never given one. */
export interface Host extends HostView {
  /**
   * Runs a program as root (through sudo where the login is not root). It never throws for an exit code.
   * @throws HOST_UNREACHABLE when the connection breaks before the program has ended
   */
  run(argv: readonly string[], options?: RunOptions): Promise<CommandResult>;
  /** A byte stream to an address and port as seen from the host (SSH direct-tcpip). */
  connect(address: string, port: number): Promise<Duplex>;
  close(): Promise<void>;
}

export interface RunOptions {
  /** Goes to the program's standard input, which is closed after it; without it the input is empty. */
  readonly stdin?: Readable | Uint8Array | string;
  /** Variables for the program. They travel as data, never as shell text, and never in an argument list. */
  readonly env?: Readonly<Record<string, string>>;
  /** Called for each line as it comes, of both streams. */
  readonly onLine?: (line: string, stream: "stdout" | "stderr") => void;
  readonly signal?: AbortSignal;
  /** Milliseconds after which the program is given up; none by default. */
  readonly deadline?: number;
  /** Strings that must not stand in any message, log or error. */
  readonly secrets?: readonly string[];
}

export interface CommandResult {
  readonly exitCode: number;
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

/** The closed list of programs that only look. */
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
  "sha256sum",
  "systemctl-is-active",
  "systemctl-is-enabled",
  "uname",
  "kubectl-get",
  "docker-inspect",
  "crictl-images",
] as const;
