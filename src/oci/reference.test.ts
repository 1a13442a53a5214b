import assert from "node:assert/strict";
import { test } from "node:test";
import { formatReference, parseReference } from "./reference.ts";

const digest = `sha256:${"a".repeat(64)}`;

for (const [text, full] of [
  ["nginx", "docker.io/library/nginx:latest"],
  ["nginx:1.25", "docker.io/library/nginx:1.25"],
  ["bitnami/redis", "docker.io/bitnami/redis:latest"],
  ["index.docker.io/nginx", "docker.io/library/nginx:latest"],
  ["sea.hub:5000/library/x:1", "sea.hub:5000/library/x:1"],
  ["localhost/x", "localhost/x:latest"],
  ["localhost:5000/a/b/c:v1", "localhost:5000/a/b/c:v1"],
  [`quay.io/x@${digest}`, `quay.io/x@${digest}`],
  [`quay.io/x:1@${digest}`, `quay.io/x:1@${digest}`],
  ["[fd00::1]:5000/x", "[fd00::1]:5000/x:latest"],
] as const) {
  test(`${text} is ${full}`, () => assert.equal(formatReference(parseReference(text)), full));
}

test("a ClusterImage without a domain belongs to the default registry", () => {
  const defaults = { registry: "docker.io", namespace: "sealerio" };
  assert.equal(
    formatReference(parseReference("kubernetes:v1", defaults)),
    "docker.io/sealerio/kubernetes:v1",
  );
});

for (const text of [
  "",
  "a b",
  "Nginx",
  "x:",
  "x:.a",
  "x@sha256:abc",
  "../x",
  "a//b",
  "x:1:2",
  "-x",
  "a/../b",
  "x\n",
]) {
  test(`refuses ${JSON.stringify(text)}`, () => {
    assert.throws(() => parseReference(text), { code: "REFERENCE_INVALID", exitCode: 2 });
  });
}
