import assert from "node:assert/strict";
import { mkdir, readFile, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "#files";
import { writeDockerArchive } from "./docker-archive.ts";
import { runProgram } from "./run-program.ts";

const image = { reference: "k8s.gcr.io/pause:3.2", entrypoint: ["/pause"] };

async function treeAt(folder: string, time: number): Promise<string> {
  const tree = join(folder, "tree");
  await mkdir(join(tree, "bin"), { recursive: true });
  for (const name of time % 2 ? ["b", "a"] : ["a", "b"]) {
    await writeFile(join(tree, "bin", name), name, { mode: 0o755 });
    await utimes(join(tree, "bin", name), time, time);
  }
  return tree;
}

test("the same tree gives the same bytes, whenever its files were written", async () => {
  await using one = await temporaryDirectory(tmpdir(), "archive-");
  await using two = await temporaryDirectory(tmpdir(), "archive-");

  await writeDockerArchive(image, await treeAt(one.path, 1000), join(one.path, "image.tar"));
  await writeDockerArchive(image, await treeAt(two.path, 2001), join(two.path, "image.tar"));

  assert.deepEqual(await readFile(join(one.path, "image.tar")), await readFile(join(two.path, "image.tar")));
});

test("an archive names its image, its configuration and its layer", async () => {
  await using folder = await temporaryDirectory(tmpdir(), "archive-");
  const archive = join(folder.path, "image.tar");

  await writeDockerArchive(image, await treeAt(folder.path, 0), archive);

  const [manifest] = JSON.parse(await runProgram("tar", ["-xOf", archive, "manifest.json"]));
  assert.deepEqual(manifest.RepoTags, ["k8s.gcr.io/pause:3.2"]);
  const config = JSON.parse(await runProgram("tar", ["-xOf", archive, manifest.Config]));
  assert.deepEqual(config.config.Entrypoint, ["/pause"]);
  assert.deepEqual(manifest.Layers, [`${config.rootfs.diff_ids[0].replace("sha256:", "")}.tar`]);
});
