import { posix } from "node:path";
import { SealerError } from "#errors";
import type { CommandResult, HostView } from "./host.ts";
import { HostCommandError } from "./host-command-error.ts";

/** Whether a program's complaint is that there is no room for what it writes. */
export function saysDiskFull(text: string): boolean {
  return /No space left on device|Disk quota exceeded|ENOSPC|EDQUOT/.test(text);
}

/** The error for a host whose disk is full, with how much is free there now. */
export async function diskFull(
  host: HostView,
  path: string,
  needed: number | undefined,
  result: CommandResult,
): Promise<SealerError> {
  const free = await freeBytes(host, path);
  const need = needed === undefined ? "" : `, ${needed} bytes needed`;
  const have = free === undefined ? "" : `, ${free} bytes free`;
  return new SealerError("HOST_DISK_FULL", `${host.address}: no space left for ${path}${need}${have}`, {
    where: host.address,
    hint: `Free some space there (df -h ${posix.dirname(path)}) and run the same command again.`,
    cause: new HostCommandError(host.address, ["write", path], result),
  });
}

/** Free bytes of the file system that holds the nearest existing folder above `path`. */
async function freeBytes(host: HostView, path: string): Promise<number | undefined> {
  for (let folder = posix.dirname(path); ; folder = posix.dirname(folder)) {
    const { exitCode, stdout } = await host.query(["df", "-Pk", folder]);
    const available = stdout.trim().split("\n").at(-1)?.split(/\s+/)[3];
    if (exitCode === 0 && available) return Number(available) * 1024;
    if (folder === "/" || folder === ".") return undefined;
  }
}
