import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createSandbox, type SandboxOptions } from "./create-sandbox.ts";
import { dialerFor } from "./dialer-for.ts";
import { findSandboxHost } from "./find-sandbox-host.ts";
import { listSandboxes } from "./list-sandboxes.ts";

test("refuses what cannot become a sandbox before anything is made", async (t) => {
  const root = emptyRoot(t);
  const good: SandboxOptions = { name: "demo", hosts: 1, root, cacheDir: join(root, "cache") };
  for (const [bad, message] of [
    [{ name: "Demo" }, /"Demo" cannot name a sandbox/],
    [{ name: "../demo" }, /cannot name/],
    [{ name: "" }, /"" cannot name/],
    [{ hosts: ["a", "b_c"] }, /"b_c" cannot name/],
    [{ hosts: ["a", "a"] }, /host name "a" is given twice/],
    [{ hosts: 0 }, /at least one host/],
    [{ subnet: "8.8.8.0/24" }, /not a private one/],
    [{ subnet: "172.28.0.0/29", hosts: 6 }, /room for 5 hosts, not 6/],
    [{ diskBytes: 1000 }, /too small/],
    [{ diskBytes: Number.NaN }, /too small/],
  ] as const) {
    await assert.rejects(createSandbox({ ...good, ...bad }), { code: "USAGE", message });
    assert.equal(existsSync(join(root, "sandbox")), false);
  }
});

test("a sandbox with other hosts is not taken for the wanted one", async (t) => {
  const root = rootWith(t, sandboxRecord);
  const options = { name: "demo", hosts: 2, root, cacheDir: join(root, "cache") };
  await assert.rejects(createSandbox(options), {
    code: "SANDBOX_FAILED",
    message: 'sandbox "demo" exists with other hosts: host-1 in 172.28.9.0/24',
  });
});

test("a record that cannot be read is told, and hides no other sandbox", async (t) => {
  const root = rootWith(t, sandboxRecord);
  mkdirSync(join(root, "sandbox/broken"));
  writeFileSync(join(root, "sandbox/broken/sandbox.json"), '{"ver');

  const options = { name: "broken", hosts: 1, root, cacheDir: join(root, "cache") };
  await assert.rejects(createSandbox(options), {
    code: "SANDBOX_FAILED",
    message: /sandbox\.json cannot be read/,
  });
  assert.deepEqual(
    (await listSandboxes(root)).map(({ name, hosts }) => [name, hosts]),
    [["demo", [{ name: "host-1", address: "172.28.9.2", state: "off" }]]],
  );
});

test("dials a sandbox host in its own network only, and everybody else as usual", async (t) => {
  const root = rootWith(t, sandboxRecord);
  assert.equal((await findSandboxHost(root, "172.28.9.2"))?.sandbox, "demo");
  assert.equal(await findSandboxHost(root, "172.28.9.3"), undefined);
  const dial = dialerFor(root);

  await assert.rejects(dial("172.28.9.2", 22), {
    code: "HOST_UNREACHABLE",
    message: /sandbox "demo" is off/,
  });
  const server = createServer((socket) => socket.end("hello")).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await new Promise((resolve) => server.once("listening", resolve));
  const socket = await dial("127.0.0.1", (server.address() as { port: number }).port);
  assert.equal(String((await socket.toArray())[0]), "hello");
});

const sandboxRecord = {
  version: 1,
  name: "demo",
  id: "demo.000000",
  subnet: "172.28.9.0/24",
  gateway: "172.28.9.1",
  prefix: 24,
  hosts: [{ name: "host-1", address: "172.28.9.2" }],
  base: "/nowhere",
};

function rootWith(t: TestContext, record: typeof sandboxRecord): string {
  const root = emptyRoot(t);
  const folder = join(root, "sandbox", record.name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "sandbox.json"), JSON.stringify(record));
  writeFileSync(join(folder, "password"), "secret\n");
  return root;
}

function emptyRoot(t: TestContext): string {
  const root = mkdtempSync(join(tmpdir(), "sandbox-"));
  t.after(() => rmSync(root, { recursive: true }));
  return root;
}
