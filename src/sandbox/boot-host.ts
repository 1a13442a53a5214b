import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, openSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { release } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { deadline } from "#concurrency";
import { SealerError } from "#errors";
import { makeDirectory } from "#files";
import { bootScript } from "./boot-script.ts";
import { makeCgroups, readCgroupLayout } from "./cgroups.ts";
import { haltHost } from "./halt-host.ts";
import { hostProcess } from "./host-process.ts";
import { modulesBuiltin } from "./kernel-features.ts";
import {
  hostCgroup,
  hostNetwork,
  hostPaths,
  networkOf,
  networkPath,
  passwordPath,
  publicKeyPath,
} from "./layout.ts";
import { makeHostNetwork } from "./network.ts";
import { NetworkDialer } from "./network-dialer.ts";
import { programPath } from "./program-path.ts";
import { runProgram } from "./run-program.ts";
import type { SandboxRecord } from "./sandbox.ts";

/** Milliseconds that a host may take until its sshd answers. It takes one second where nothing else runs. */
const bootTime = 120_000;

/**
 * Boots a host, unless it is on already, and waits until its sshd answers.
 * @throws SANDBOX_FAILED with the end of the boot's log; the signal's reason
 */
export async function bootHost(
  folder: string,
  record: SandboxRecord,
  host: string,
  signal: AbortSignal,
): Promise<"done" | "skipped"> {
  const paths = hostPaths(folder, host);
  const wasOn = hostProcess(paths.init) !== undefined;
  const init = wasOn ? undefined : await startHost(folder, record, host, signal);
  const hasEnded = () =>
    (existsSync(paths.init) && !hostProcess(paths.init)) ||
    (init !== undefined && (init.exitCode ?? init.signalCode) !== null);
  const { address } = record.hosts.find(({ name }) => name === host)!;
  const dialer = new NetworkDialer(networkOf(record));
  try {
    await untilSshAnswers(dialer, address, hasEnded, deadline(bootTime, signal));
  } catch (error) {
    signal.throwIfAborted();
    throw await notBooted({ name: host, bootLog: paths.bootLog }, record, error);
  } finally {
    dialer.close();
  }
  return wasOn ? "skipped" : "done";
}

async function startHost(
  folder: string,
  record: SandboxRecord,
  host: string,
  signal: AbortSignal,
): Promise<ChildProcess> {
  const paths = hostPaths(folder, host);
  await haltHost(folder, record, host);
  await makeDirectory(paths.top, { mode: 0o700 });
  await makeDisk(record, paths.diskImage, signal);
  await makeHostNetwork(record, host);
  await writeFile(paths.bootScript, await orderBoot(folder, record, host));
  return startInit(hostNetwork(record, host), paths);
}

async function makeDisk(record: SandboxRecord, image: string, signal: AbortSignal): Promise<void> {
  if (record.diskBytes === undefined || existsSync(image)) return;
  const unfinished = `${image}.new`;
  await runProgram(["truncate", "--size", String(record.diskBytes), unfinished]);
  await runProgram(["mkfs.ext4", "-q", "-F", "-m", "0", unfinished], { signal });
  await runProgram(["mv", unfinished, image]);
}

async function orderBoot(folder: string, record: SandboxRecord, host: string): Promise<string> {
  const paths = hostPaths(folder, host);
  const layout = await readCgroupLayout();
  return bootScript({
    hostName: host,
    address: record.hosts.find(({ name }) => name === host)!.address,
    gateway: record.gateway,
    folder: paths.top,
    base: record.base,
    diskImage: record.diskBytes === undefined ? undefined : paths.diskImage,
    passwordFile: passwordPath(folder),
    authorizedKeys: publicKeyPath(folder),
    cgroups: await makeCgroups(layout, hostCgroup(record, host), paths.cgroups),
    layout,
    kernelRelease: release(),
    modulesBuiltin: await readModulesBuiltin(),
  });
}

async function readModulesBuiltin(): Promise<string | undefined> {
  if (existsSync(`/lib/modules/${release()}`)) return undefined;
  const config = await readFile("/proc/config.gz").then(
    (bytes) => gunzipSync(bytes).toString(),
    () => readFile(`/boot/config-${release()}`, "utf8").catch(() => ""),
  );
  return modulesBuiltin(config, await readdir("/sys/module").catch(() => []));
}

/** The process outlives ours: it has a session of its own and nothing of ours open. */
function startInit(network: string, paths: { bootScript: string; bootLog: string }): ChildProcess {
  const log = openSync(paths.bootLog, "w", 0o600);
  const unshare = ["unshare", "--mount", "--uts", "--ipc", "--pid", "--fork", "bash", paths.bootScript];
  const child = spawn("nsenter", [`--net=${networkPath(network)}`, "--", ...unshare], {
    stdio: ["ignore", log, log],
    detached: true,
    cwd: "/",
    env: { PATH: programPath },
  });
  child.on("error", () => {}); // then no PID 1 appears, which is told
  child.unref();
  closeSync(log);
  return child;
}

async function untilSshAnswers(
  dialer: NetworkDialer,
  address: string,
  hasEnded: () => boolean,
  signal: AbortSignal,
): Promise<void> {
  while (!(await answers(dialer, address, signal))) {
    if (hasEnded()) throw new Error("its PID 1 has ended");
    await sleep(50, undefined, { signal });
  }
}

async function answers(dialer: NetworkDialer, address: string, signal: AbortSignal): Promise<boolean> {
  try {
    (await dialer.connect(address, 22, signal)).destroy();
    return true;
  } catch (error) {
    if (signal.aborted) throw error;
    return false;
  }
}

async function notBooted(
  { name, bootLog }: { readonly name: string; readonly bootLog: string },
  { name: sandbox }: SandboxRecord,
  error: unknown,
): Promise<SealerError> {
  const timedOut = (error as Error).name === "TimeoutError";
  const why = timedOut ? `its sshd did not answer in ${bootTime / 1000} s` : (error as Error).message;
  const log = await readFile(bootLog, "utf8").catch(() => "");
  const lastLines = log.trim().split("\n").slice(-5).join("\n");
  const message = `host ${name} of sandbox "${sandbox}" did not boot: ${why}\n${lastLines}`;
  return new SealerError("SANDBOX_FAILED", message.trim(), { cause: error });
}
