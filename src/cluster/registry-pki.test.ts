import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { connect, createServer } from "node:tls";
import { ClusterHome } from "./cluster-home.ts";
import { registryPki } from "./registry-pki.ts";

test("who trusts the CA trusts the registry, by its name and by its address", async () => {
  await using home = await temporaryHome();
  const pki = await registryPki(home.it, ["sea.hub", "127.0.0.1"]);
  const server = createServer({ cert: pki.certificate + pki.ca, key: pki.key }, (socket) =>
    socket.end("hello"),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;

  for (const facts of [{ servername: "sea.hub" }, {}]) {
    const socket = connect({ host: "127.0.0.1", port, ca: pki.ca, ...facts });
    const [said] = await Array.fromAsync(socket);
    assert.equal(String(said), "hello");
  }
  server.close();
});

test("the pair is kept, and made again by the same CA for other names", async () => {
  await using home = await temporaryHome();

  const first = await registryPki(home.it, ["sea.hub", "10.0.0.1"]);
  const same = await registryPki(home.it, ["sea.hub", "10.0.0.1"]);
  const other = await registryPki(home.it, ["own.hub", "10.0.0.1"]);

  assert.deepEqual(same, first);
  assert.equal(other.ca, first.ca);
  assert.notEqual(other.certificate, first.certificate);
});

async function temporaryHome() {
  const folder = await mkdtemp(join(tmpdir(), "sealer-pki-"));
  const it = new ClusterHome(folder, "mine");
  await it.prepare();
  return { it, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}
