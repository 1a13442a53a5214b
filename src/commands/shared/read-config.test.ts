import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { readConfig } from "./read-config.ts";

test("without a file, ClusterImages belong to docker.io/sealerio", async (t) => {
  const { defaults, registries } = await readConfig(homeWith(t));
  assert.deepEqual([defaults, registries.size], [{ registry: "docker.io", namespace: "sealerio" }, 0]);
});

test("the file tells the default registry, and how registries are reached", async (t) => {
  const { defaults, registries } = await readConfig(
    homeWith(
      t,
      "defaultRegistry: reg.example.com:5000/a/b\nregistries:\n  reg.example.com: {mirrors: [https://m.example.com], plainHttp: true, ca: /etc/own.pem, tokenServers: [auth.example.com]}\n  other.example.com: {}\n",
    ),
  );
  assert.deepEqual(defaults, { registry: "reg.example.com:5000", namespace: "a/b" });
  assert.deepEqual(registries.get("reg.example.com"), {
    mirrors: ["https://m.example.com"],
    plainHttp: true,
    ca: "/etc/own.pem",
    tokenServers: ["auth.example.com"],
  });
  assert.deepEqual(registries.get("other.example.com"), { mirrors: [], plainHttp: false, tokenServers: [] });
});

for (const [text, line, message, hint] of [
  ["defaultRegistry: sealerio\n", 1, /begin with a domain/, undefined],
  ["registires: {}\n", 1, /no field registires/, /registries/],
  ["registries:\n  a.b:\n    mirors: []\n", 3, /no field mirors/, /mirrors/],
  ["registries:\n  a.b:\n    plainHttp: 'yes'\n", 3, /true or false/, undefined],
  ["registries:\n  a.b:\n    mirrors: [m.example.com]\n", 3, /origin/, undefined],
  ["registries: [a]\n", 1, /not a map/, undefined],
  ["- a\n", 1, /not a map/, undefined],
] as const) {
  test(`refuses ${JSON.stringify(text)} with its line`, async (t) => {
    const home = homeWith(t, text);
    await assert.rejects(
      readConfig(home),
      (error: Error & { code?: string; where?: string; hint?: string }) => {
        assert.deepEqual([error.code, error.where], ["CONFIG_INVALID", `${home}/config.yml:${line}`]);
        assert.match(error.message, message);
        if (hint) assert.match(error.hint ?? "", hint);
        return true;
      },
    );
  });
}

function homeWith(t: TestContext, text?: string): string {
  const home = mkdtempSync(join(tmpdir(), "sealer-home-"));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  if (text !== undefined) writeFileSync(join(home, "config.yml"), text);
  return home;
}
