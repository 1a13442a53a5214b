import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { copyImage, ImageStore, MemoryContent, RegistryClient } from "#content";
import { contentContract, manyBytes } from "../contracts/content-contract.ts";
import { addImage, addIndex } from "../support/images.ts";
import { startDockerRegistry } from "../support/programs.ts";

let registry: Awaited<ReturnType<typeof startDockerRegistry>>;
let repositories = 0;
before(async () => {
  registry = await startDockerRegistry();
});
after(() => registry?.stop());

contentContract("docker-registry", async (t) => client(t));

test("an image goes to docker-registry and comes back the same", async (t) => {
  const source = new MemoryContent();
  const root = await addIndex(source);
  await source.tag("app:v1", root);
  const remote = client(t);

  await copyImage("app:v1", source, remote, { targetReference: "v1" });
  assert.deepEqual(await remote.listTags(), ["v1"]);

  const folder = await mkdtemp(join(tmpdir(), "sealer-journey-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const store = await ImageStore.open(folder);
  assert.deepEqual(await copyImage("v1", remote, store, { targetReference: "app:v1" }), root);
  assert.deepEqual(await store.resolve("app:v1"), root);
});

test("layers that another repository has are mounted, not sent", async (t) => {
  const source = new MemoryContent();
  const { manifest } = await addImage(source, { bytes: manyBytes(3_000_000) });
  await source.tag("v1", manifest);
  const base = client(t);
  await copyImage("v1", source, base);
  const notes: (string | undefined)[] = [];

  await copyImage("v1", source, client(t), {
    mountFrom: [base.repository],
    progress: (event) => event.type === "task-finished" && notes.push(event.note),
  });

  assert.equal(notes.filter((note) => note === "mounted from another repository").length, 2);
});

function client(t: TestContext): RegistryClient {
  const made = new RegistryClient({ domain: registry.domain, repository: `team/app${++repositories}` });
  t.after(() => made.close());
  return made;
}
