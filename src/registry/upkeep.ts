import { randomUUID } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeDirectory } from "#files";
import type { RegistryLog } from "./log.ts";
import type { RegistryConfig } from "./registry-config.ts";
import type { Repositories } from "./repositories.ts";
import type { RegistryStorage } from "./storage.ts";

/** Makes the registry's folder, and with `health` tries again and again whether it can be written to. */
export async function watchFolder(
  folder: string,
  health: RegistryConfig["health"],
  log: RegistryLog,
): Promise<{ problem: () => string | undefined; stop(): void }> {
  await makeDirectory(folder);
  let failures = 0;
  const probe = async () => {
    const path = join(folder, `.health-${randomUUID()}`);
    try {
      await writeFile(path, "");
      failures = 0;
    } catch (error) {
      failures++;
      log.error("the registry's folder cannot be written to", { folder, error: String(error) });
    } finally {
      await rm(path, { force: true }).catch(() => undefined);
    }
  };
  const timer = health && setInterval(probe, health.interval).unref();
  return {
    problem: () =>
      health && failures >= health.threshold ? "the registry's folder cannot be written to" : undefined,
    stop: () => clearInterval(timer),
  };
}

/** Drops uploads that nobody has finished for `age`, at the start and every `interval`. */
export function purgeUploads(
  repositories: Repositories,
  storage: RegistryStorage,
  settings: RegistryConfig["uploadPurging"],
  log: RegistryLog,
): { stop(): void } {
  if (!settings) return { stop() {} };
  const purge = async () => {
    try {
      let dropped = 0;
      for await (const name of repositories.folders()) {
        dropped += await storage.uploads.purge(name, Date.now() - settings.age);
      }
      if (dropped > 0) log.info("dropped unfinished uploads", { uploads: dropped });
    } catch (error) {
      log.error("cannot drop unfinished uploads", { error: String(error) });
    }
  };
  void purge();
  const timer = setInterval(purge, Math.max(settings.interval, 1000)).unref();
  return { stop: () => clearInterval(timer) };
}
