import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import { writeOciFolder } from "../fixtures/oci-folder.ts";
import { run } from "../fixtures/programs.ts";
import { type Inspected, Workshop } from "../fixtures/workshop.ts";

for (const [format, file] of [
  ["oci-archive", "app.tar"],
  ["oci-dir", "app"],
] as const) {
  test(`an image goes to another machine as ${format} and is the same there`, async (t) => {
    const { here, there, built } = await twoMachines(t);
    await here.sealer("save", "-o", there.path(file), "--format", format, "app:1");
    await there.sealer("load", "-i", file);
    assert.deepEqual((await there.json<Inspected>("inspect", "app:1")).embedded, built.embedded);
    assert.equal((await there.json<Inspected>("inspect", "app:1")).digest, built.digest);
  });
}

test("an image goes through a pipe", async (t) => {
  const { here, there, built } = await twoMachines(t);
  const { code, stdout } = await here.run(["save", "-o", "-", "app:1"]);
  assert.equal(code, 0);
  const loaded = await there.run(["load", "-i", "-", "--format", "json"], stdout);
  assert.deepEqual(JSON.parse(loaded.stdout.toString()), [{ name: "app:1", digest: built.digest }]);
});

test("saving twice gives the same bytes", async (t) => {
  const { here } = await twoMachines(t);
  await here.sealer("save", "-o", "one.tar", "app:1");
  await here.sealer("save", "-o", "two.tar", "app:1");
  assert.ok((await readFile(here.path("one.tar"))).equals(await readFile(here.path("two.tar"))));
});

test("the rootfs goes to Docker's tools, and comes back", async (t) => {
  const { here, there } = await twoMachines(t);
  await here.sealer("save", "-o", there.path("app.tar"), "--format", "docker-archive", "app:1");
  await run("skopeo", "inspect", `docker-archive:${there.path("app.tar")}`);
  await there.sealer("load", "-i", "app.tar", "-t", "app:again");
  const { embedded, platforms } = await there.json<Inspected>("inspect", "app:again");
  assert.deepEqual([embedded.length, platforms[0]?.platform], [0, "linux/amd64"]);
});

test("a broken archive changes nothing", async (t) => {
  const { here, there } = await twoMachines(t);
  await here.sealer("save", "-o", there.path("app.tar"), "app:1");
  const whole = await readFile(there.path("app.tar"));
  await there.write({ "not.tar": "no archive" });
  const cut = await there.run(["load", "-i", "-"], whole.subarray(0, whole.length / 2));
  assert.equal(cut.code, 3, cut.stderr);
  assert.notEqual((await there.run(["load", "-i", "not.tar"])).code, 0);
  assert.equal((await there.run(["load", "-i", "nothing.tar"])).code, 2);
  assert.deepEqual(await there.json("images"), []);
});

async function twoMachines(t: TestContext) {
  const [here, there] = [await Workshop.open(t), await Workshop.open(t)];
  await writeOciFolder(here.path("images"), { tag: "registry.example.com/web:1", bytes: 2_000_000 });
  await here.write({
    Kubefile: "FROM scratch\nCOPY imageList manifests\n",
    imageList: "registry.example.com/web:1\n",
  });
  const built = await here.json<Inspected>("build", "-t", "app:1", "--images-from", "images", ".");
  return { here, there, built };
}
