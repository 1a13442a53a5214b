import { existsSync } from "node:fs";
import { networkOf, networkPath, sandboxFolder, sandboxId } from "./layout.ts";
import { lockPath, lockSandbox, removeLock } from "./locks.ts";
import { removeSandbox } from "./remove-sandbox.ts";

/**
 * Removes a sandbox with all that belongs to it: processes, networks, cgroups, disks, and its changes of machine-wide
 * settings when it is the last one. What a crash left half made or half removed goes too. False: there was none.
 */
export async function deleteSandbox(root: string, name: string, signal?: AbortSignal): Promise<boolean> {
  const traces = [
    sandboxFolder(root, name),
    lockPath(root, name),
    networkPath(networkOf({ id: sandboxId(root, name) })),
  ];
  if (!traces.some((path) => existsSync(path))) return false;
  await using _lock = await lockSandbox(root, name, signal);
  await removeSandbox(root, name);
  await removeLock(root, name);
  return true;
}
