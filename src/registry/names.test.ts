import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "#oci";
import { MemoryStorage } from "./memory-storage.ts";
import { domainFolder, isNamespace, repositoryFor, searchPath } from "./names.ts";
import { Repositories } from "./repositories.ts";

const ownDomains = ["sea.hub:5000"];

for (const [path, domain, folder] of [
  ["library/x", undefined, "library/x"],
  ["library/x", "sea.hub:5000", "library/x"],
  ["library/x", "SEA.hub:5000", "library/x"],
  ["sea.hub__5000/library/x", undefined, "library/x"],
  ["library/nginx", "docker.io", "docker.io/library/nginx"],
  ["library/nginx", "registry-1.docker.io", "docker.io/library/nginx"],
  ["nginx", "docker.io", "docker.io/library/nginx"],
  ["docker.io/library/nginx", undefined, "docker.io/library/nginx"],
  ["app", "reg.test1.com:5000", "reg.test1.com__5000/app"],
  ["reg.test1.com__5000/app", undefined, "reg.test1.com__5000/app"],
  ["x", "10.0.0.1:5000", "10.0.0.1__5000/x"],
  ["x", "localhost", "localhost/x"],
] as const) {
  test(`${path}${domain ? ` of ${domain}` : ""} is kept in ${folder}`, () => {
    assert.equal(repositoryFor({ path, domain, ownDomains }), folder);
  });
}

test("a name without a domain is looked for in each domain, as it is and without library/", () => {
  const held = ["a.example", "quay.io", "k8s.gcr.io", "docker.io", "reg.test1.com__5000"];
  assert.deepEqual(
    searchPath({ path: "library/kube-proxy", ownDomains }, held),
    [
      "library/kube-proxy",
      "docker.io/library/kube-proxy",
      "k8s.gcr.io/library/kube-proxy",
      "k8s.gcr.io/kube-proxy",
      "quay.io/library/kube-proxy",
      "quay.io/kube-proxy",
      "a.example/library/kube-proxy",
      "a.example/kube-proxy",
      "reg.test1.com__5000/library/kube-proxy",
      "reg.test1.com__5000/kube-proxy",
    ].toSpliced(2, 0, "docker.io/kube-proxy"),
  );
});

test("the configuration may name another order", () => {
  const order = ["reg.test1.com:5000", "quay.io"];
  assert.deepEqual(
    searchPath({ path: "x/y", ownDomains }, ["docker.io", "quay.io", "reg.test1.com__5000"], order),
    ["x/y", "reg.test1.com__5000/x/y", "quay.io/x/y", "docker.io/x/y"],
  );
});

test("a name with a domain is looked for there alone", () => {
  const held = ["docker.io", "quay.io"];
  assert.deepEqual(searchPath({ path: "a/b", domain: "quay.io", ownDomains }, held), ["quay.io/a/b"]);
  assert.deepEqual(searchPath({ path: "quay.io/a/b", ownDomains }, held), ["quay.io/a/b"]);
  assert.deepEqual(searchPath({ path: "docker.io/nginx", ownDomains }, held), [
    "docker.io/nginx",
    "docker.io/library/nginx",
  ]);
});

test("writes the colon of a domain as two underscores", () => {
  assert.equal(domainFolder("Reg.Test1.com:5000"), "reg.test1.com__5000");
});

for (const domain of ["", "..", "a/b", "a b", "[::1]:5000", "a..b", "-a", "a:b", `${"a".repeat(300)}`]) {
  test(`${JSON.stringify(domain.slice(0, 20))} is no namespace`, () =>
    assert.equal(isNamespace(domain), false));
}

test("finds the first place that has what is asked for, and asks none after it", async () => {
  const storage = new MemoryStorage();
  const repositories = new Repositories(storage, ["docker.io"]);
  for (const name of ["quay.io/x", "k8s.gcr.io/x"]) {
    const bytes = Buffer.from(name);
    const document = {
      digest: digestOf(bytes),
      bytes,
      mediaType: "",
      subject: undefined,
      blobs: [],
      artifactType: undefined,
      annotations: undefined,
    };
    await repositories.at({ path: name, ownDomains }).putManifest(document, ["v1"]);
  }
  const asked: string[] = [];
  const digest = await repositories.find({ path: "library/x", ownDomains }, (repository) => {
    asked.push(repository.name);
    return repository.tagged("v1");
  });
  assert.equal(digest, digestOf("k8s.gcr.io/x"));
  assert.deepEqual(asked, ["library/x", "k8s.gcr.io/library/x", "k8s.gcr.io/x"]);
});
