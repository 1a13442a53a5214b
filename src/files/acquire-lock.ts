import { spawn } from "node:child_process";
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  statSync,
  writeSync,
} from "node:fs";
import { hostname } from "node:os";
import { fsError, isFsError } from "./fs-error.ts";
import { programMissing } from "./run-program.ts";

/** The lock is ours until `release`, or until this process ends in any way. */
export interface Lock {
  readonly held: false;
  release(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Somebody else holds the lock. With several readers, `by` is the one that came last. */
export interface LockHolder {
  readonly held: true;
  readonly by: LockOwner;
}

export interface LockOwner {
  /** 0 where the holder has not said who it is yet. */
  readonly pid: number;
  readonly host: string;
  /** ISO 8601 */
  readonly since: string;
  readonly note: string;
}

export interface LockOptions {
  /** Wait until the lock is free: for ever (true), or that many milliseconds. Default: not at all. */
  readonly wait?: boolean | number;
  /** What the next one is told that we are doing. */
  readonly note?: string;
  /** Readers share the lock with each other, but not with one who holds it alone. */
  readonly shared?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Takes the lock that the file `path` stands for (it is made, and stays). The kernel's flock lies on our open file, so
 * that a lock cannot outlive its process; it also holds between two callers in one process.
 */
export async function acquireLock(path: string, options: LockOptions = {}): Promise<Lock | LockHolder> {
  const { wait = false, signal } = options;
  const end = typeof wait === "number" ? Date.now() + wait : wait ? Number.POSITIVE_INFINITY : 0;
  for (;;) {
    signal?.throwIfAborted();
    const fd = openLockFile(path);
    try {
      if (!(await flock(fd, options.shared ?? false, Math.max(0, end - Date.now()), signal))) {
        const by = readOwner(fd);
        closeSync(fd);
        return { held: true, by };
      }
      if (isStillAt(path, fd)) return taken(fd, options.note ?? "");
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    closeSync(fd);
  }
}

/** A bare number, not a FileHandle: that would be closed, and the lock lost, when nobody refers to it any more. */
function openLockFile(path: string): number {
  try {
    return openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  } catch (error) {
    throw fsError(error, "open the lock", path);
  }
}

/** The lock belongs to the open file that we share with the program, and stays when the program has ended. */
function flock(fd: number, shared: boolean, wait: number, signal: AbortSignal | undefined): Promise<boolean> {
  const patience = wait <= 0 ? ["-n"] : Number.isFinite(wait) ? ["-w", (wait / 1000).toFixed(3)] : [];
  return new Promise((resolve, reject) => {
    const child = spawn("flock", [shared ? "-s" : "-x", ...patience, "3"], {
      stdio: ["ignore", "ignore", "ignore", fd],
      ...(signal && { signal }),
    });
    child.on("error", (error) =>
      reject(isFsError(error, "ENOENT") ? programMissing("flock", "util-linux", error) : error),
    );
    child.on("close", (code) => {
      if (code === 0) resolve(true);
      else if (code === 1) resolve(false);
      else reject(new Error(`flock ended with ${code ?? child.signalCode}`));
    });
  });
}

/** Somebody may have removed the file between our opening and our locking it: then our lock means nothing. */
function isStillAt(path: string, fd: number): boolean {
  const there = statSync(path, { throwIfNoEntry: false });
  const ours = fstatSync(fd);
  return there?.ino === ours.ino && there.dev === ours.dev;
}

function taken(fd: number, note: string): Lock {
  const owner: LockOwner = { pid: process.pid, host: hostname(), since: new Date().toISOString(), note };
  const text = Buffer.from(`${JSON.stringify(owner)}\n`);
  writeSync(fd, text, 0, text.length, 0);
  ftruncateSync(fd, text.length);
  let held = true;
  const release = async () => {
    if (held) closeSync(fd);
    held = false;
  };
  return { held: false, release, [Symbol.asyncDispose]: release };
}

function readOwner(fd: number): LockOwner {
  const buffer = Buffer.alloc(4096);
  const length = readSync(fd, buffer, 0, buffer.length, 0);
  try {
    const said: Partial<LockOwner> = JSON.parse(buffer.toString("utf8", 0, length));
    return {
      pid: Number(said.pid ?? 0),
      host: String(said.host ?? ""),
      since: String(said.since ?? ""),
      note: String(said.note ?? ""),
    };
  } catch {
    return { pid: 0, host: "", since: "", note: "" };
  }
}
