import { unlink } from "node:fs/promises";
import { acquireLock, makeDirectory } from "#files";
import { sandboxesFolder, sandboxFolder } from "./layout.ts";

interface Released {
  [Symbol.asyncDispose](): Promise<void>;
}

/** One change of a sandbox at a time; others wait. */
export async function lockSandbox(root: string, name: string, signal?: AbortSignal): Promise<Released> {
  await makeDirectory(sandboxesFolder(root), { mode: 0o700 });
  return lock(lockPath(root, name), `changing sandbox ${name}`, signal);
}

/** Taken away with the sandbox, by the one who holds it. */
export async function removeLock(root: string, name: string): Promise<void> {
  await unlink(lockPath(root, name)).catch(() => {});
}

/** For short changes that sandboxes could get into each other's way with. */
export async function lockMachine(signal?: AbortSignal): Promise<Released> {
  return lock("/run/sealer-sandbox.lock", "changing what all sandboxes share", signal);
}

/** For making what is kept in the cache. */
export async function lockCache(folder: string, signal?: AbortSignal): Promise<Released> {
  return lock(`${folder}/lock`, "making the base root", signal);
}

async function lock(path: string, note: string, signal: AbortSignal | undefined): Promise<Released> {
  const lock = await acquireLock(path, { wait: true, note, signal });
  if (lock.held) throw new Error(`${path} is held though we wait for it`);
  return lock;
}

export const lockPath = (root: string, name: string) => `${sandboxFolder(root, name)}.lock`;
