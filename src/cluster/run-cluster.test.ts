import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { ClusterRig } from "../../test/fakes/cluster-rig.ts";
import { imageScripts } from "../../test/fakes/kubernetes-programs.ts";
import { runCluster } from "./run-cluster.ts";

test("bare hosts become a cluster, and the same run again does nothing", async () => {
  await using rig = await ClusterRig.make(["10.0.0.1", "10.0.0.2"], ["10.0.0.3"]);
  const options = await rig.options({}, { says: { commands: ["echo $(hostname) runs > /srv/command"] } });

  const first = await runCluster(options);
  const noted = await rig.hosts.noted();
  const second = await runCluster({ ...options, login: {} });

  assert.equal(first.steps.failed, 0);
  assert.deepEqual(second.steps, { done: 0, skipped: first.steps.done, failed: 0 });
  assert.deepEqual(await rig.hosts.noted(), noted);
  assert.deepEqual(noted.filter((line) => / kubeadm (init|join)/.test(line)).sort(), [
    "host-1 kubeadm init",
    "host-2 kubeadm join",
    "host-3 kubeadm join",
  ]);
  assert.equal(await readFile(join(rig.hosts.folder, "shared/command"), "utf8"), "host-1 runs\n");
  const mine = (await readFile(join(rig.hosts.at("10.0.0.2").files, "etc/hosts"), "utf8")).split("\n");
  assert.ok(mine.includes("10.0.0.2 apiserver.cluster.local # sealer mine"));
  assert.ok(mine.includes("10.0.0.1 sea.hub # sealer mine"));
});
