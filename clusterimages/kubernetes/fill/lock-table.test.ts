import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parseLockTable, pinDigest } from "./lock-table.ts";

const digest = "a".repeat(64);

test("reads pinned, published and unknown digests", () => {
  const table = [
    "# a comment",
    "",
    `one 1.0 https://example.com/one.tgz sha256:${digest}`,
    "two   2.0   https://example.com/v2/two.tgz   published:+.sha256",
    "three 3.0 https://example.com/v3/three.amd64 published:three.sha256sum",
    "four 4.0 https://example.com/four unknown",
  ].join("\n");

  assert.deepEqual(
    parseLockTable(table, "table").map((file) => file.digest),
    [
      { kind: "pinned", sha256: digest },
      { kind: "published", address: "https://example.com/v2/two.tgz.sha256" },
      { kind: "published", address: "https://example.com/v3/three.sha256sum" },
      { kind: "unknown" },
    ],
  );
});

test("names the line of a mistake", () => {
  for (const [line, message] of [
    ["one 1.0 https://example.com/one", /needs name, version, address and digest/],
    ["one 1.0 https://example.com/one unknown more", /needs name, version, address and digest/],
    ["one 1.0 example unknown", /"example" is no address/],
    ["one 1.0 https://example.com/one sha256:abc", /"sha256:abc" is no digest/],
    [`zero 1.0 https://example.com/one unknown`, /zero stands here twice/],
  ] as const) {
    assert.throws(() => parseLockTable(`zero 0 https://example.com unknown\n${line}\n`, "table"), {
      code: "FILE_INVALID",
      where: "table:2",
      message,
    });
  }
});

test("pins one file's digest and leaves the rest of the table alone", () => {
  const table =
    "# one unknown\none  1.0  https://example.com/one   unknown\ntwo 2 https://example.com/two unknown\n";
  assert.equal(
    pinDigest(table, "one", digest),
    `# one unknown\none  1.0  https://example.com/one   sha256:${digest}\ntwo 2 https://example.com/two unknown\n`,
  );
});

test("the table of the official downloads can be read", () => {
  const path = join(import.meta.dirname, "../official.lock");
  const names = parseLockTable(readFileSync(path, "utf8"), path).map(({ name }) => name);
  assert.deepEqual(names, ["kubeadm", "kubelet", "kubectl", "crictl", "cni", "containerd", "runc", "docker"]);
});
