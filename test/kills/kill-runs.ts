import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { buffer } from "node:stream/consumers";
import { type RunClusterOptions, runCluster } from "#cluster";
import { ClusterRig } from "../fakes/cluster-rig.ts";

/**
 * Runs a cluster of three hosts again and again, killed at the `first`th moment at which a step begins or ends and then each
 * time `every` moments later, until a run comes to its end; then checks that the cluster is as if nobody had been killed.
 * @returns how many runs were killed
 */
export async function killRuns({
  first,
  every,
}: {
  readonly first: number;
  readonly every: number;
}): Promise<number> {
  const [zero, second, node] = ["10.0.0.1", "10.0.0.2", "10.0.0.3"];
  await using rig = await ClusterRig.make([zero, second], [node]);
  await writeFile(join(rig.hosts.at(zero).files, "etc/fake/kubeadm-init"), "sleep 0.3\n");
  const options = await rig.options({}, { says: { commands: ["echo once >> /srv/command"] } });

  let kills = 0;
  while (await killedAfter(first + kills * every, rig, options)) {
    kills++;
    assert.ok(kills < 60, "the run never comes to its end");
  }
  const last = await runCluster(options);

  assert.equal(last.steps.done, 0);
  const noted = await rig.hosts.noted();
  const joined = noted.filter((line) => / kubeadm (init|join)/.test(line)).sort();
  assert.deepEqual(joined, ["host-1 kubeadm init", "host-2 kubeadm join", "host-3 kubeadm join"]);
  assert.ok(!noted.some((line) => line.includes("reset")));
  assert.equal(await readFile(join(rig.hosts.folder, "shared/command"), "utf8"), "once\n");
  return kills;
}

/** Runs in a child that is killed as soon as that many steps have begun or ended; false where it ended before. */
async function killedAfter(moments: number, rig: ClusterRig, options: RunClusterOptions): Promise<boolean> {
  const layers = [];
  for (const { descriptor } of options.blueprint.platforms[0]?.layers ?? []) {
    const bytes = await buffer(await options.content.open(descriptor));
    layers.push({ mediaType: descriptor.mediaType, bytes: bytes.toString("base64") });
  }
  const { desired, blueprint, home } = options;
  const places = rig.hosts.hosts.map(({ place }) => place);
  const work = JSON.stringify({ desired, blueprint, layers, home, places });
  const program = join(import.meta.dirname, "../fakes/run-child.ts");
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", program, work, "steps"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const gone = once(child, "close");
  let passed = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    const { type } = JSON.parse(line);
    if ((type === "task-started" || type === "task-finished") && ++passed === moments) child.kill("SIGKILL");
  }
  await gone;
  return passed >= moments;
}
