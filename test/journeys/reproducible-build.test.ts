import assert from "node:assert/strict";
import { utimes } from "node:fs/promises";
import { test } from "node:test";
import { run } from "../fixtures/programs.ts";
import { type Inspected, Workshop } from "../fixtures/workshop.ts";

const files = {
  "app/Kubefile":
    "FROM scratch\nCOPY . .\nCOPY etc/a etc/b\nRUN tar -cf all.tar etc && ls -R > list\nCMD true\n",
  "app/etc/a": "1\n",
  "app/manifests/none.yaml": "kind: ConfigMap\n",
};

test("two builds of the same files in two folders, at two times, are one image", async (t) => {
  const [first, second] = [await Workshop.open(t), await Workshop.open(t)];
  await first.write(files);
  await second.write(Object.fromEntries(Object.entries(files).reverse()));
  await utimes(second.path("app/etc/a"), 1, 1);

  const one = await first.json<Inspected>("build", "-t", "app:1", "app");
  const two = await second.json<Inspected>("build", "-t", "other:2", "app", "-q");

  assert.equal(one.digest, two.digest);
  assert.equal(one.platforms[0]?.layers.length, 3);
});

test("times that a RUN leaves do not count, nor does it matter whether the cache was asked", async (t) => {
  const [first, second] = [await Workshop.open(t), await Workshop.open(t)];
  const plain = {
    ...files,
    "app/Kubefile": "FROM scratch\nCOPY . .\nRUN ls -R > list && date > when && : > when\nCMD true\n",
  };
  await first.write(plain);
  await second.write(plain);
  const digests = [
    await first.json<Inspected>("build", "-t", "a", "app"),
    await first.json<Inspected>("build", "-t", "a", "app"),
    await first.json<Inspected>("build", "-t", "a", "--no-cache", "app"),
    await second.json<Inspected>("build", "-t", "b", "app"),
  ].map(({ digest }) => digest);
  assert.equal(new Set(digests).size, 1);

  const gzip = await second.json<Inspected>("build", "-t", "c", "--compression", "gzip", "app");
  assert.notEqual(gzip.digest, digests[0]);
  await run("skopeo", "copy", `oci:${second.store}:c:latest`, `docker-archive:${second.path("c.tar")}:c:1`);
});
