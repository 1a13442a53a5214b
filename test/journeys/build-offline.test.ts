import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import { writeOciFolder } from "../fixtures/oci-folder.ts";
import { run } from "../fixtures/programs.ts";
import { type Inspected, Workshop } from "../fixtures/workshop.ts";

test("a build without a network takes its images from docker's archives", async (t) => {
  const workshop = await offline(t);
  const flags = ["--images-from", "archives", "--network", "none"];
  const built = await workshop.json<Inspected>("build", "-t", "app:1", ...flags, ".");
  assert.deepEqual(
    built.embedded.map(({ reference, wantedBy }) => [reference, wantedBy]),
    [
      ["docker.io/library/web:1", [{ file: "manifests/web.yaml", line: 3 }]],
      ["registry.example.com/tools/a:2", [{ file: "manifests/imageList", line: 1 }]],
    ],
  );

  await rm(workshop.path("archives"), { recursive: true });
  const again = await workshop.json<Inspected>("build", "-t", "app:2", "--no-cache", ".");
  assert.equal(again.digest, built.digest, "the images are in the store by now");
});

test("an archive in images/ of the rootfs serves what the rootfs wants", async (t) => {
  const workshop = await offline(t);
  await workshop.write({ Kubefile: "FROM scratch\nCOPY manifests manifests\nCOPY archives/*.tar images\n" });
  const built = await workshop.json<Inspected>("build", "-t", "app:1", ".");
  assert.equal(built.embedded.length, 2);
});

test("archives are bases too", async (t) => {
  const workshop = await offline(t);
  await workshop.sealer("build", "-t", "app:1", "--images-from", "archives", ".");
  await workshop.sealer("save", "-o", "app.tar", "app:1");
  const there = await Workshop.open(t);
  await run("cp", workshop.path("app.tar"), there.path("app.tar"));
  await there.write({ Kubefile: "FROM oci-archive:app.tar\nCOPY Kubefile etc\nCMD true\n" });
  const built = await there.json<Inspected>("build", "-t", "top:1", ".");
  assert.equal(built.embedded.length, 2);
  assert.deepEqual(
    built.platforms[0]?.layers.map(({ createdBy }) => createdBy),
    ["COPY manifests manifests", "COPY Kubefile etc"],
  );

  await there.write({
    Kubefile: `FROM docker-archive:${workshop.path("archives/web.tar")}\nCOPY Kubefile etc\n`,
  });
  assert.equal((await there.json<Inspected>("build", "-t", "plain:1", ".")).platforms[0]?.layers.length, 3);
});

test("an image that is nowhere is told with its place, and where it was looked for", async (t) => {
  const workshop = await offline(t);
  await workshop.write({ "manifests/imageList": "registry.invalid/tools/a:2\n" });
  const { code, stderr } = await workshop.run(["build", "-t", "app:1", "--images-from", "archives", "."]);
  assert.equal(code, 3);
  for (const part of [
    "manifests/imageList:1",
    "registry.invalid/tools/a:2",
    "the local store",
    "archives",
    "the registry registry.invalid",
  ]) {
    assert.ok(stderr.includes(part), `${part} is not in:\n${stderr}`);
  }
  assert.deepEqual(await workshop.json("images"), []);
});

async function offline(t: TestContext): Promise<Workshop> {
  const workshop = await Workshop.open(t);
  await workshop.write({
    Kubefile: "FROM scratch\nCOPY manifests manifests\n",
    "manifests/web.yaml": "kind: Pod\nspec:\n  containers: [{image: web:1}]\n",
    "manifests/imageList": "registry.example.com/tools/a:2\n",
    "archives/README": "not an archive\n",
  });
  for (const [name, reference] of [
    ["web", "web:1"],
    ["a", "registry.example.com/tools/a:2"],
  ] as const) {
    const folder = workshop.path(`layout-${name}`);
    await writeOciFolder(folder, { tag: "v1" });
    await run(
      "skopeo",
      "copy",
      `oci:${folder}:v1`,
      `docker-archive:${workshop.path(`archives/${name}.tar`)}:${reference}`,
    );
  }
  return workshop;
}
