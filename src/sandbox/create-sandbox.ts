import { randomInt } from "node:crypto";
import { networkInterfaces } from "node:os";
import { SealerError } from "#errors";
import { makeDirectory, writeFileAtomic } from "#files";
import { generateKeyPair } from "#hosts";
import { noProgress, type Progress } from "#progress";
import { prepareBase } from "./base.ts";
import { bootHosts } from "./boot-hosts.ts";
import { requireSandboxSupport } from "./check-sandbox-support.ts";
import {
  passwordPath,
  privateKeyPath,
  publicKeyPath,
  recordPath,
  sandboxFolder,
  sandboxId,
} from "./layout.ts";
import { describeSandbox } from "./list-sandboxes.ts";
import { lockMachine, lockSandbox, removeLock } from "./locks.ts";
import { readRecord, readRecords } from "./records.ts";
import { removeSandbox } from "./remove-sandbox.ts";
import type { Sandbox, SandboxRecord } from "./sandbox.ts";
import { chooseSubnet, machineSubnets, parseSubnet } from "./subnet.ts";

export interface SandboxOptions {
  readonly name: string;
  /** How many (named host-1, host-2 …), or their names. */
  readonly hosts: number | readonly string[];
  /** State and the hosts' disks go to `<root>/sandbox/<name>`. */
  readonly root: string;
  /** Where the base root is kept for the next time. */
  readonly cacheDir: string;
  /** Private IPv4 subnet; by default a free one of 172.28.0.0/16. */
  readonly subnet?: string | undefined;
  /** Size in bytes of each host's disk; by default there is no limit but the machine's own disk. */
  readonly diskBytes?: number | undefined;
  readonly progress?: Progress;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Makes hosts and waits until their sshd answers. One that is there already with the same hosts is returned, its hosts
 * switched on. The hosts outlive this process. When it fails, nothing of the new sandbox stays.
 * @throws USAGE for bad names or subnets, SANDBOX_IMPOSSIBLE, SANDBOX_FAILED
 */
export async function createSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { root, name, progress = noProgress, signal } = options;
  const wanted = checkOptions(options);
  await using _lock = await lockSandbox(root, name, signal);
  const before = await readRecord(root, name);
  if (before) checkSame(before, wanted.hostNames, options);
  try {
    const record = before ?? (await prepareSandbox(options, wanted.hostNames));
    await bootHosts(root, record, wanted.hostNames, { progress, signal });
    return await describeSandbox(root, record);
  } catch (error) {
    if (!before) {
      await removeSandbox(root, name);
      await removeLock(root, name);
    }
    throw error;
  }
}

/** The sandbox on disk. Its record comes last, and before any namespace. */
async function prepareSandbox(options: SandboxOptions, hostNames: readonly string[]): Promise<SandboxRecord> {
  const { root, name, cacheDir, progress = noProgress, signal, diskBytes } = options;
  await requireSandboxSupport({ root, cacheDir, limitedDisks: diskBytes !== undefined });
  const base = await prepareBase({ cacheDir, progress, signal });
  const folder = sandboxFolder(root, name);
  await removeSandbox(root, name); // of one that was killed before it had a record
  await makeDirectory(folder, { mode: 0o700 });
  const key = generateKeyPair(`sandbox ${name}`);
  await writeFileAtomic(privateKeyPath(folder), key.privateKey, { mode: 0o600 });
  await writeFileAtomic(publicKeyPath(folder), `${key.publicKey.trim()}\n`);
  await writeFileAtomic(passwordPath(folder), `${randomPassword()}\n`, { mode: 0o600 });

  await using _machine = await lockMachine(signal);
  const subnet = options.subnet ? parseSubnet(options.subnet) : await freeSubnet(root);
  const record: SandboxRecord = {
    version: 1,
    name,
    id: sandboxId(root, name),
    subnet: subnet.cidr,
    gateway: subnet.gateway,
    prefix: subnet.prefix,
    hosts: hostNames.map((host, position) => ({ name: host, address: subnet.address(position) })),
    base,
    diskBytes,
  };
  await writeFileAtomic(recordPath(folder), `${JSON.stringify(record, undefined, 2)}\n`, { mode: 0o600 });
  return record;
}

/** Sandboxes of other root folders may have it too: their networks never meet. */
async function freeSubnet(root: string) {
  const others = (await readRecords(root)).map(({ subnet }) => subnet);
  return chooseSubnet([...others, ...machineSubnets(networkInterfaces())]);
}

function checkOptions({ name, hosts, subnet, diskBytes }: SandboxOptions): { hostNames: readonly string[] } {
  const hostNames =
    typeof hosts === "number" ? Array.from({ length: hosts }, (_, i) => `host-${i + 1}`) : hosts;
  for (const word of [name, ...hostNames]) {
    if (/^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$/.test(word)) continue;
    throw new SealerError("USAGE", `"${word}" cannot name a sandbox or a host`, {
      hint: "Use small letters, digits and inner hyphens, at most 40.",
    });
  }
  const twice = hostNames.find((word, position) => hostNames.indexOf(word) !== position);
  if (twice) throw new SealerError("USAGE", `host name "${twice}" is given twice`);
  if (hostNames.length === 0) throw new SealerError("USAGE", "a sandbox needs at least one host");
  const { cidr, capacity } = parseSubnet(subnet ?? "172.28.0.0/24");
  if (hostNames.length > capacity) {
    throw new SealerError("USAGE", `${cidr} has room for ${capacity} hosts, not ${hostNames.length}`);
  }
  if (diskBytes !== undefined && !(diskBytes >= 64e6)) {
    throw new SealerError("USAGE", `a disk of ${diskBytes} bytes is too small for a host`, {
      hint: "Give at least 64 MB.",
    });
  }
  return { hostNames };
}

function checkSame(
  before: SandboxRecord,
  hostNames: readonly string[],
  { subnet, diskBytes }: SandboxOptions,
): void {
  const had = before.hosts.map(({ name }) => name);
  const same = had.join() === hostNames.join() && (subnet ?? before.subnet) === before.subnet;
  if (same && (diskBytes ?? before.diskBytes) === before.diskBytes) return;
  const limit = before.diskBytes === undefined ? "" : `, disks of ${before.diskBytes} bytes`;
  throw new SealerError(
    "SANDBOX_FAILED",
    `sandbox "${before.name}" exists with other hosts: ${had.join(", ")} in ${before.subnet}${limit}`,
    { hint: `Choose another name, or delete it first: sealer sandbox delete ${before.name}` },
  );
}

/** 20 letters and digits: 119 bits. */
function randomPassword(): string {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  return Array.from({ length: 20 }, () => letters[randomInt(letters.length)]).join("");
}
