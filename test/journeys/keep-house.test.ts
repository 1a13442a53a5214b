import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import { writeOciFolder } from "../fixtures/oci-folder.ts";
import { run } from "../fixtures/programs.ts";
import { type Inspected, Workshop } from "../fixtures/workshop.ts";

interface Listed {
  readonly name: string;
  readonly digest: string;
  readonly kind: string;
  readonly platforms: readonly string[];
  readonly size: number;
  readonly embedded: number;
}

test("images, tag, history and rmi tell and do what they should", async (t) => {
  const workshop = await withApp(t);
  await workshop.sealer("tag", "app:1", "registry.example.com/app:2");
  const listed = await workshop.json<Listed[]>("images");
  assert.deepEqual(
    listed.map(({ name, kind, platforms, embedded }) => [name, kind, platforms, embedded]),
    [
      ["app:1", "application", ["linux/amd64"], 1],
      ["registry.example.com/app:2", "application", ["linux/amd64"], 1],
    ],
  );
  assert.ok(listed[0]!.size > 200_000, "the container image counts");
  assert.match(await workshop.sealer("images"), /^NAME +DIGEST.*\napp:1 /);
  assert.match(await workshop.sealer("history", "app:1"), /COPY imageList manifests\n/);

  await workshop.sealer("rmi", "app:1");
  assert.equal(
    (await workshop.json<Inspected>("inspect", "registry.example.com/app:2")).name,
    "registry.example.com/app:2",
  );
  await workshop.sealer("rmi", "registry.example.com/app:2");
  assert.deepEqual(await workshop.json("images"), []);
  assert.deepEqual(await readdir(workshop.path("root/store/blobs/sha256")), []);
  assert.deepEqual(await readdir(workshop.path("root/data/overlay2")), []);
  assert.match(await workshop.sealer("prune"), /nothing to delete/);
});

test("prune takes what a newer build has left, and nothing that is used", async (t) => {
  const workshop = await withApp(t);
  await workshop.write({ "app/more": "x" });
  await workshop.sealer("build", "-t", "app:1", "--images-from", "images", "app");
  const before = await workshop.json<Inspected>("inspect", "app:1");
  const planned = await workshop.json<{ blobs: number; layers: number }>("prune", "--dry-run");
  assert.ok(planned.blobs > 0);
  assert.deepEqual(await workshop.json("prune"), planned);
  assert.deepEqual(await workshop.json("prune"), { blobs: 0, layers: 0, bytes: 0 });
  await run("skopeo", "copy", "--all", `oci:${workshop.store}:app:1`, `dir:${workshop.path("whole")}`);
  assert.deepEqual(await workshop.json<Inspected>("inspect", "app:1"), before);
});

test("the image of a cluster is not removed under it", async (t) => {
  const workshop = await withApp(t);
  const { digest } = await workshop.json<Inspected>("inspect", "app:1");
  await workshop.write({ "home/.sealer/mine/state.json": JSON.stringify({ imageDigest: digest }) });
  const { code, stderr } = await workshop.run(["rmi", "app:1"]);
  assert.equal(code, 3);
  assert.match(stderr, /the cluster mine/);
  await workshop.sealer("rmi", "--force", "app:1");
  assert.ok(
    (await readdir(workshop.path("root/store/blobs/sha256"))).includes(digest.slice(7)),
    "the cluster needs it",
  );
});

for (const [what, args, code, told] of [
  [
    "an unknown instruction",
    ["build", "-t", "x", "bad"],
    2,
    /Kubefile:2: there is no instruction CPOY\nhint: Did you mean COPY\?/,
  ],
  [
    "a file that is not there",
    ["build", "-t", "x", "missing"],
    2,
    /Kubefile:2: COPY: nothing-here is not in the build folder/,
  ],
  ["a folder that is not there", ["build", "-t", "x", "nowhere"], 2, /no folder .*nowhere/],
  ["no Kubefile", ["build", "-t", "x", "images"], 2, /there is no images\/Kubefile/],
  ["no name", ["build", "app"], 2, /needs the image's name/],
  ["a name that is none", ["build", "-t", "App", "app"], 2, /lower-case/],
  ["a digest as a name", ["build", "-t", `x@sha256:${"a".repeat(64)}`, "app"], 2, /names a digest/],
  ["an unknown flag", ["build", "-t", "x", "--tga", "y", "app"], 2, /Did you mean --tag\?/],
  [
    "a base that is nowhere",
    ["build", "-t", "x", "baseless"],
    3,
    /Kubefile:1: the image nothing\.invalid\/x:1 is not on this machine/,
  ],
  [
    "an image that is not here",
    ["inspect", "nothing"],
    3,
    /no image nothing:latest on this machine\nhint: There are app:1/,
  ],
  ["an image nearly named", ["inspect", "app:2"], 3, /Did you mean app:1\?/],
  ["a name for nothing", ["tag", "nothing", "y"], 3, /nothing:latest/],
  ["too few words", ["tag", "app:1"], 2, /needs NAME/],
  ["a place to save to", ["save", "app:1"], 2, /-o FILE/],
] as const) {
  test(`${what}: told plainly, with exit code ${code}`, async (t) => {
    const workshop = await withApp(t);
    await workshop.write({
      "bad/Kubefile": "FROM scratch\nCPOY a b\n",
      "missing/Kubefile": "FROM scratch\nCOPY nothing-here b\n",
      "baseless/Kubefile": "FROM nothing.invalid/x:1\n",
    });
    const outcome = await workshop.run(args);
    assert.equal(outcome.code, code, outcome.stderr);
    assert.match(outcome.stderr, told);
    assert.equal(outcome.stdout.toString(), "");
    assert.equal((await workshop.json<Listed[]>("images")).length, 1);
  });
}

async function withApp(t: TestContext): Promise<Workshop> {
  const workshop = await Workshop.open(t);
  await writeOciFolder(workshop.path("images"), { tag: "registry.example.com/web:1" });
  await workshop.write({
    "app/Kubefile": "FROM scratch\nCOPY . etc\nCOPY imageList manifests\nCMD true\n",
    "app/imageList": "registry.example.com/web:1\n",
  });
  await workshop.sealer("build", "-t", "app:1", "--images-from", "images", "app");
  return workshop;
}
