import { createHash } from "node:crypto";
import { join } from "node:path";
import type { SandboxRecord } from "./sandbox.ts";

/** Where a sandbox keeps what, and what its parts are called on the machine. */

export const sandboxesFolder = (root: string) => join(root, "sandbox");
export const sandboxFolder = (root: string, name: string) => join(sandboxesFolder(root), name);
export const recordPath = (folder: string) => join(folder, "sandbox.json");
export const privateKeyPath = (folder: string) => join(folder, "id_ed25519");
export const publicKeyPath = (folder: string) => join(folder, "id_ed25519.pub");
export const passwordPath = (folder: string) => join(folder, "password");

/** `init` says which process is the host's PID 1, `cgroups` its cgroups, one a line; `disk` is what lasts. */
export function hostPaths(folder: string, host: string) {
  const top = join(folder, "hosts", host);
  return {
    top,
    init: join(top, "init"),
    cgroups: join(top, "cgroups"),
    bootScript: join(top, "boot.sh"),
    bootLog: join(top, "boot.log"),
    diskImage: join(top, "disk.img"),
  };
}

/** The same sandbox name may live under two roots, so the root's hash is part of the id. */
export function sandboxId(root: string, name: string): string {
  return `${name}.${createHash("sha256").update(root).digest("hex").slice(0, 6)}`;
}

export const networkOf = ({ id }: Pick<SandboxRecord, "id">) => `sealer.${id}`;
export const hostNetwork = ({ id }: Pick<SandboxRecord, "id">, host: string) => `sealer.${id}.${host}`;
export const hostCgroup = (record: Pick<SandboxRecord, "id">, host: string) => hostNetwork(record, host);
export const networkPath = (name: string) => `/run/netns/${name}`;
