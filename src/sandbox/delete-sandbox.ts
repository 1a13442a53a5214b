import { existsSync } from "node:fs";
import { sandboxFolder } from "./layout.ts";
import { lockSandbox, removeLock } from "./locks.ts";
import { removeSandbox } from "./remove-sandbox.ts";

/**
 * Removes a sandbox with all that belongs to it: processes, networks, cgroups, disks, and its changes of machine-wide
 * settings when it is the last one. What a crash left half made or half removed goes too. False: there was none.
 */
export async function deleteSandbox(root: string, name: string, signal?: AbortSignal): Promise<boolean> {
  if (!existsSync(sandboxFolder(root, name))) return false;
  await using _lock = await lockSandbox(root, name, signal);
  const removed = await removeSandbox(root, name);
  await removeLock(root, name);
  return removed;
}
