import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import {
  copyImage,
  ImageStore,
  importImage,
  MemoryContent,
  OciLayout,
  openArchive,
  RegistryClient,
  writeDockerArchive,
  writeOciArchive,
  writeOciFolder,
} from "#content";
import { digestOf } from "#oci";
import { addImage, addIndex } from "../support/images.ts";
import { run, startDockerRegistry } from "../support/programs.ts";

test("skopeo copies an index out of the store and into it, keeping its digest", async (t) => {
  const { root, store } = await storeAt(t);
  const image = await addIndex(store);
  await store.tag("reg.test:5000/team/app:v1", image);
  const [from, copy, back] = [
    `oci:${root}/store:reg.test:5000/team/app:v1`,
    `oci:${root}/copy:v1`,
    `oci:${root}/store:back`,
  ];

  run("skopeo", "copy", "--all", "--preserve-digests", from, copy);
  run("skopeo", "copy", "--all", "--preserve-digests", copy, back);

  assert.deepEqual(await (await OciLayout.open(join(root, "copy"))).resolve("v1"), image);
  assert.deepEqual(await store.resolve("back"), image);
  assert.equal(digestOf(run("skopeo", "inspect", "--raw", back)), image.digest);
  assert.match(run("skopeo", "inspect", from), /"Architecture": "amd64"/);
  await store.tag("after", image);
  assert.deepEqual(
    (await store.names()).map(({ name }) => name),
    ["reg.test:5000/team/app:v1", "back", "after:latest"],
  );
});

test("skopeo reads the archive and the folder that we save", async (t) => {
  const { root, store } = await storeAt(t);
  const image = await addIndex(store);
  await store.tag("app:v1", image);
  const [archive, folder] = [join(root, "app.tar"), join(root, "folder")];

  await writeOciArchive("app:v1", store, archive);
  await writeOciFolder("app:v1", store, folder);

  for (const from of [`oci-archive:${archive}:app:v1`, `oci:${folder}:app:v1`]) {
    run("skopeo", "copy", "--all", "--preserve-digests", from, `oci:${root}/copies:v1`);
    assert.deepEqual(await (await OciLayout.open(join(root, "copies"))).resolve("v1"), image);
  }
});

test("we read the archives that skopeo saves", async (t) => {
  const { root, store } = await storeAt(t);
  const { manifest } = await addImage(store);
  await store.tag("app:v1", manifest);
  const from = `oci:${root}/store:app:v1`;
  run("skopeo", "copy", from, `oci-archive:${root}/oci.tar:app:v1`);
  run("skopeo", "copy", from, `docker-archive:${root}/docker.tar:reg.test/team/app:v1`);

  const oci = await openArchive(join(root, "oci.tar"));
  assert.deepEqual([oci.kind, await oci.names()], ["oci-archive", ["app:v1"]]);
  assert.deepEqual(await copyImage("app:v1", oci, new MemoryContent()), manifest);

  const docker = await openArchive(join(root, "docker.tar"));
  assert.deepEqual([docker.kind, await docker.names()], ["docker-archive", ["reg.test/team/app:v1"]]);
  const imported = await importImage(docker, "reg.test/team/app:v1", store);
  const registry = await startDockerRegistry();
  t.after(() => registry.stop());
  const remote = new RegistryClient({ domain: registry.domain, repository: "app" });
  t.after(() => remote.close());
  await copyImage("reg.test/team/app:v1", store, remote, { targetReference: "v1" });
  const address = `docker://${registry.domain}/app:v1`;
  const seen = JSON.parse(run("skopeo", "inspect", "--tls-verify=false", address));
  assert.equal(seen.Digest, imported.digest);
  run(
    "skopeo",
    "copy",
    "--src-tls-verify=false",
    address,
    `docker-archive:${root}/again.tar:reg.test/team/app:v1`,
  );
  const again = await openArchive(join(root, "again.tar"));
  assert.equal(
    (await importImage(again, "reg.test/team/app:v1", new MemoryContent())).digest,
    imported.digest,
  );
});

test("skopeo reads the Docker archive that we save", async (t) => {
  const { root, store } = await storeAt(t);
  const image = await addIndex(store, "from arm");
  await store.tag("app:v1", image);
  const archive = join(root, "docker.tar");

  await writeDockerArchive("app:v1", store, { os: "linux", architecture: "arm64" }, archive);

  run("skopeo", "copy", `docker-archive:${archive}:app:v1`, `dir:${root}/dir`);
  const [layer] = JSON.parse(await readFile(join(root, "dir", "manifest.json"), "utf8")).layers;
  const bytes = await readFile(join(root, "dir", layer.digest.slice("sha256:".length)));
  assert.match(bytes.toString(), /from arm arm64/);
});

async function storeAt(t: TestContext) {
  const root = await mkdtemp(join(tmpdir(), "sealer-journey-"));
  t.after(() => rm(root, { recursive: true, force: true }));
  return { root, store: await ImageStore.open(root) };
}
