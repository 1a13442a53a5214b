import { SealerError } from "#errors";
import { noProgress, type Progress } from "#progress";
import { bootHosts } from "./boot-hosts.ts";
import { haltHost } from "./halt-host.ts";
import { sandboxFolder } from "./layout.ts";
import { lockSandbox } from "./locks.ts";
import { readRecord } from "./records.ts";
import type { SandboxRecord } from "./sandbox.ts";

/** Which hosts of which sandbox; all of them where none is named. */
export interface PowerOrder {
  readonly root: string;
  readonly sandbox: string;
  readonly hosts?: readonly string[];
  readonly progress?: Progress;
  readonly signal?: AbortSignal | undefined;
}

/** Boots hosts that are off, also after the machine itself was restarted, and waits until their sshd answers. */
export async function powerOn(order: PowerOrder): Promise<void> {
  const { root, progress = noProgress, signal } = order;
  await using _lock = await lockSandbox(root, order.sandbox, signal);
  const record = await knownSandbox(order);
  await bootHosts(root, record, namedHosts(record, order), { progress, signal });
}

/** Cuts the power: whatever runs on the hosts is gone at once, their disks stay as they are. */
export async function powerOff(order: PowerOrder): Promise<void> {
  const { root, sandbox, signal } = order;
  await using _lock = await lockSandbox(root, sandbox, signal);
  const record = await knownSandbox(order);
  const folder = sandboxFolder(root, sandbox);
  await Promise.all(namedHosts(record, order).map((host) => haltHost(folder, record, host)));
}

async function knownSandbox({ root, sandbox }: PowerOrder): Promise<SandboxRecord> {
  const record = await readRecord(root, sandbox);
  if (record) return record;
  throw new SealerError("SANDBOX_FAILED", `there is no sandbox "${sandbox}"`, {
    hint: "sealer sandbox list",
  });
}

function namedHosts(record: SandboxRecord, { hosts = [] }: PowerOrder): readonly string[] {
  const known = record.hosts.map(({ name }) => name);
  const unknown = hosts.find((name) => !known.includes(name));
  if (unknown === undefined) return hosts.length > 0 ? hosts : known;
  throw new SealerError("SANDBOX_FAILED", `sandbox "${record.name}" has no host "${unknown}"`, {
    hint: `It has ${known.join(", ")}.`,
  });
}
