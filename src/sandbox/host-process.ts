import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** A process that cannot be mistaken for a later one with the same number. */
export interface HostProcess {
  readonly pid: number;
  /** Clock ticks after the machine's start, field 22 of /proc/PID/stat. */
  readonly started: string;
}

/** The host's PID 1 as this machine numbers it, if it lives. The file says `PID START BOOT`, by proc_pid_stat(5). */
export function hostProcess(initPath: string): HostProcess | undefined {
  const [pid = "", started = "", boot = ""] = read(initPath).trim().split(" ");
  const known = { pid: Number(pid), started };
  return pid && boot === read("/proc/sys/kernel/random/boot_id").trim() && lives(known) ? known : undefined;
}

/** Kills it, as a power cut would, and with it everything in its PID namespace. */
export async function killHostProcess(known: HostProcess): Promise<void> {
  if (lives(known)) process.kill(known.pid, "SIGKILL");
  while (lives(known)) await sleep(10);
}

/** A zombie does not live: the kernel makes PID 1 one only after all others of its namespace are gone. */
function lives({ pid, started }: HostProcess): boolean {
  const stat = read(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[19] === started && fields[0] !== "Z" && fields[0] !== "X";
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
