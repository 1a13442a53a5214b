import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { SealerError } from "#errors";
import { removeStrayCgroups } from "./cgroups.ts";
import { dialHelperMark } from "./dial-helper.ts";
import { haltHost } from "./halt-host.ts";
import { hostCgroup, hostNetwork, networkOf, networkPath, sandboxFolder, sandboxId } from "./layout.ts";
import { lockMachine } from "./locks.ts";
import { MachineSettings } from "./machine-settings.ts";
import { removeNetwork } from "./network.ts";
import { readRecord } from "./records.ts";
import { runProgram } from "./run-program.ts";
import type { SandboxRecord } from "./sandbox.ts";

/** Removes whatever there is of a sandbox, made or removed half-way too. The caller holds its lock. */
export async function removeSandbox(root: string, name: string): Promise<void> {
  const folder = sandboxFolder(root, name);
  const record =
    (await readRecord(root, name).catch(() => undefined)) ?? (await recordFromRemains(root, name));
  await Promise.all(record.hosts.map((host) => haltHost(folder, record, host.name)));
  await removeStrayCgroups(hostCgroup(record, ""));
  await endDialHelpers(networkOf(record));
  await removeNetwork(record);
  await checkUnmounted(folder);
  await runProgram(["rm", "-rf", "--one-file-system", "--", folder]);
  await leaveMachine(record.id);
}

async function leaveMachine(id: string): Promise<void> {
  await using _lock = await lockMachine();
  await new MachineSettings().leave(id);
}

/** Enough of a record to remove a sandbox whose own cannot be read. */
async function recordFromRemains(root: string, name: string): Promise<SandboxRecord> {
  const id = sandboxId(root, name);
  const prefix = hostNetwork({ id }, "");
  const folders = await readdir(join(sandboxFolder(root, name), "hosts")).catch(() => []);
  const networks = (await readdir("/run/netns").catch(() => []))
    .filter((network) => network.startsWith(prefix))
    .map((network) => network.slice(prefix.length));
  const hosts = [...new Set([...folders, ...networks])].map((host) => ({ name: host, address: "" }));
  return { version: 1, name, id, subnet: "", gateway: "", prefix: 0, hosts, base: "" };
}

/** Dialers of this and other processes hold the network: it would live on without a name. */
async function endDialHelpers(network: string): Promise<void> {
  if (!existsSync(networkPath(network))) return;
  for (const pid of (await runProgram(["ip", "netns", "pids", network])).split("\n").filter(Boolean)) {
    const argv = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (argv.split("\0").includes(dialHelperMark)) process.kill(Number(pid), "SIGKILL");
  }
}

/** Nothing of ours is mounted where others see it; if somebody mounted something there, it is not ours to remove. */
async function checkUnmounted(folder: string): Promise<void> {
  const mountPoints = (await readFile("/proc/self/mountinfo", "utf8"))
    .split("\n")
    .map((line) => line.split(" ")[4]);
  const mounted = mountPoints.filter((path) => path?.startsWith(`${folder}/`));
  if (mounted.length === 0) return;
  throw new SealerError("SANDBOX_FAILED", `something is mounted in ${folder}: ${mounted.join(", ")}`, {
    hint: "Unmount it and delete the sandbox again.",
  });
}
