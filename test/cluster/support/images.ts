import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { folders, project } from "./sealer.ts";

/** Builds the base images and the example into the tests' store; with a warm cache that takes seconds. */
export function buildImages(runtime: "docker" | "containerd"): void {
  const { status } = spawnSync(join(project, "scripts/build-images"), [runtime], {
    env: { ...process.env, ...folders },
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (status !== 0) throw new Error(`scripts/build-images ${runtime} ended with ${status}`);
}
