import { existsSync } from "node:fs";
import { mapLimited } from "#concurrency";
import { SealerError } from "#errors";
import type { Progress } from "#progress";
import { bootHost } from "./boot-host.ts";
import { sandboxFolder } from "./layout.ts";
import { lockMachine } from "./locks.ts";
import { MachineSettings } from "./machine-settings.ts";
import { makeNetwork } from "./network.ts";
import type { SandboxRecord } from "./sandbox.ts";

/** Boots those of the named hosts that are off, several at once. The caller holds the sandbox's lock. */
export async function bootHosts(
  root: string,
  record: SandboxRecord,
  hostNames: readonly string[],
  { progress, signal }: { readonly progress: Progress; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  const folder = sandboxFolder(root, record.name);
  if (!existsSync(record.base)) {
    throw new SealerError(
      "SANDBOX_FAILED",
      `the base root of sandbox "${record.name}" is gone: ${record.base}`,
      {
        hint: `Delete the sandbox and create it again: sealer sandbox delete ${record.name}`,
      },
    );
  }
  await takeMachine(record, folder, signal);
  await makeNetwork(record);
  const boot = async (name: string, stop: AbortSignal) => {
    const id = `sandbox-${record.id}-${name}`;
    const host = record.hosts.find((candidate) => candidate.name === name)!.address;
    progress({ type: "task-started", id, host, title: `Boot ${name}`, estimateSeconds: 2 });
    try {
      const outcome = await bootHost(folder, record, name, stop);
      progress({ type: "task-finished", id, outcome });
    } catch (error) {
      progress({ type: "task-failed", id, message: (error as Error).message });
      throw error;
    }
  };
  await mapLimited(hostNames, 8, boot, { signal });
}

async function takeMachine(record: SandboxRecord, folder: string, signal?: AbortSignal): Promise<void> {
  await using _lock = await lockMachine(signal);
  await new MachineSettings().take(record.id, folder);
}
