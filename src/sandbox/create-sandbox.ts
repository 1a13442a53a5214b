import { randomInt } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { mapLimited } from "#concurrency";
import { SealerError } from "#errors";
import { noProgress, type Progress } from "#progress";
import { prepareBase } from "./base.ts";
import { deleteSandbox } from "./delete-sandbox.ts";
import { passwordPath, privateKeyPath, recordPath, sandboxFolder, sandboxId } from "./layout.ts";
import { describeSandbox } from "./list-sandboxes.ts";
import { takeMachine } from "./machine-settings.ts";
import { makeNetwork } from "./network.ts";
import { bootHost } from "./power.ts";
import { readRecord, readRecords } from "./records.ts";
import { runProgram } from "./run-program.ts";
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
 * @throws USAGE for bad names or subnets, SANDBOX_FAILED
 */
export async function createSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { root, name, progress = noProgress, signal } = options;
  const hostNames = checkNames(name, options.hosts);
  const folder = sandboxFolder(root, name);
  const before = await readRecord(root, name);
  if (before) checkSame(before, hostNames, options);
  try {
    const record = before ?? (await newRecord(options, hostNames));
    await takeMachine(record.id, folder);
    await makeNetwork(record);
    await mapLimited(
      record.hosts,
      8,
      async (host, stop) => {
        const task = { id: `sandbox-${record.id}-${host.name}`, host: host.address };
        progress({ type: "task-started", ...task, title: `Boot ${host.name}`, estimateSeconds: 2 });
        await bootHost(folder, record, host.name, stop);
        progress({ type: "task-finished", id: task.id, outcome: "done" });
      },
      { signal },
    );
    return await describeSandbox(root, record);
  } catch (error) {
    if (!before) await deleteSandbox(root, name);
    throw error;
  }
}

async function newRecord(options: SandboxOptions, hostNames: readonly string[]): Promise<SandboxRecord> {
  const { root, name, cacheDir, progress = noProgress, signal, diskBytes } = options;
  const folder = sandboxFolder(root, name);
  const base = await prepareBase({ cacheDir, progress, signal });
  const others = (await readRecords(root)).map(({ subnet }) => subnet);
  const subnet = options.subnet
    ? parseSubnet(options.subnet)
    : chooseSubnet([...others, ...machineSubnets(networkInterfaces())]);
  if (hostNames.length > subnet.capacity) {
    throw new SealerError(
      "USAGE",
      `${subnet.cidr} has room for ${subnet.capacity} hosts, not ${hostNames.length}`,
    );
  }
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
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if (!existsSync(privateKeyPath(folder))) {
    const argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", `sandbox ${name}`, "-f"] as const;
    await runProgram([...argv, privateKeyPath(folder)]);
  }
  await writeFile(passwordPath(folder), `:${randomPassword()}\n`, { mode: 0o600 });
  await writeFile(recordPath(folder), JSON.stringify(record, undefined, 2), { mode: 0o600 });
  return record;
}

function checkNames(name: string, hosts: SandboxOptions["hosts"]): readonly string[] {
  const names = typeof hosts === "number" ? Array.from({ length: hosts }, (_, i) => `host-${i + 1}`) : hosts;
  for (const word of [name, ...names]) {
    if (/^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$/.test(word)) continue;
    throw new SealerError("USAGE", `"${word}" cannot name a sandbox or a host`, {
      hint: "Use small letters, digits and inner hyphens, at most 40.",
    });
  }
  const twice = names.find((word, position) => names.indexOf(word) !== position);
  if (twice) throw new SealerError("USAGE", `host name "${twice}" is given twice`);
  if (names.length === 0) throw new SealerError("USAGE", "a sandbox needs at least one host");
  return names;
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
