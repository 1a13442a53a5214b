import type { Duplex, Readable, Writable } from "node:stream";

/** Starts programs on a machine as the user that is logged in there. What PosixHost makes a Host of. */
export interface Launcher {
  readonly address: string;
  launch(argv: readonly string[], signal?: AbortSignal): Promise<RunningProgram>;
  connect(address: string, port: number): Promise<Duplex>;
  close(): Promise<void>;
}

export interface RunningProgram {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Settles when the program has ended and its output is closed; rejects when nobody can say how it ended. */
  readonly ended: Promise<ProgramEnd>;
  /** Asks the program to end and closes its streams. */
  stop(): void;
}

export interface ProgramEnd {
  readonly exitCode: number;
  readonly signal?: string | undefined;
}
