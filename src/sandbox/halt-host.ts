import { rm } from "node:fs/promises";
import { removeCgroups } from "./cgroups.ts";
import { hostProcess, killHostProcess } from "./host-process.ts";
import { hostPaths } from "./layout.ts";
import { removeHostNetwork } from "./network.ts";
import type { SandboxRecord } from "./sandbox.ts";

/** As if its plug were pulled: whatever runs on it is gone, its disk stays. Safe to repeat, and after a crash. */
export async function haltHost(folder: string, record: SandboxRecord, host: string): Promise<void> {
  const paths = hostPaths(folder, host);
  const init = hostProcess(paths.init);
  if (init) await killHostProcess(init);
  await removeCgroups(paths.cgroups);
  await removeHostNetwork(record, host);
  await rm(paths.init, { force: true });
  await rm(paths.cgroups, { force: true });
}
