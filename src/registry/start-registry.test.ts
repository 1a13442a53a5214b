import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { digestOf, hexOf } from "#oci";
import { killRegistry } from "../../test/kills/kill-registry.ts";
import { FileStorage, parseRegistryConfig, type RegistryConfig, startRegistry } from "./index.ts";
import { blobPath } from "./layout.ts";

const folder = await mkdtemp(join(tmpdir(), "start-registry-"));
after(() => rm(folder, { recursive: true }));

test("keeps an upload over a restart and finishes it", async () => {
  const root = join(folder, "restart");
  let registry = await start({ rootDirectory: root });
  const begun = await fetch(`${registry.url}/v2/r/blobs/uploads/`, { method: "POST" });
  const location = begun.headers.get("location")!;
  await fetch(`${registry.url}${location}`, { method: "PATCH", body: "first half, " });
  await registry.close();

  registry = await start({ rootDirectory: root });
  const status = await fetch(`${registry.url}${location}`);
  assert.deepEqual([status.status, status.headers.get("range")], [204, "0-11"]);
  await fetch(`${registry.url}${location}`, { method: "PATCH", body: "second half" });
  const digest = digestOf("first half, second half");
  const put = await fetch(`${registry.url}${location}?digest=${digest}`, { method: "PUT" });
  assert.equal(put.status, 201);
  assert.equal(await (await fetch(`${registry.url}/v2/r/blobs/${digest}`)).text(), "first half, second half");
  assert.deepEqual(await readdir(join(root, "docker/registry/v2/repositories/r/_uploads")), []);
  await registry.close();
});

test("killed during an upload, keeps what came and lets it be finished", () => killRegistry(300));

test("never serves rotten bytes as the blob, and a push repairs them", async () => {
  const root = join(folder, "rot");
  const registry = await start({ rootDirectory: root });
  const content = Buffer.alloc(3_000_000, "sound");
  const digest = digestOf(content);
  const push = () =>
    fetch(`${registry.url}/v2/r/blobs/uploads/?digest=${digest}`, { method: "POST", body: content });
  await push();
  const file = join(root, blobPath(digest));
  for (const rotten of [Buffer.from(content).fill("X", 1_500_000, 1_500_001), Buffer.alloc(0)]) {
    await rm(file);
    await writeFile(file, rotten);
    await assert.rejects(async () => {
      const reply = await fetch(`${registry.url}/v2/r/blobs/${digest}`);
      assert.equal(reply.status, 200, "is not there");
      return reply.arrayBuffer();
    });
    assert.equal((await push()).status, 201);
    const reply = await fetch(`${registry.url}/v2/r/blobs/${digest}`);
    assert.equal(digestOf(new Uint8Array(await reply.arrayBuffer())), digest);
  }
  await registry.close();
});

test("lets a running upload end when it stops, and takes no new request", async () => {
  const root = join(folder, "stop");
  const registry = await start({ rootDirectory: root });
  const content = "the whole blob";
  const digest = digestOf(content);
  const socket = connect(registry.port, "127.0.0.1");
  const head = `POST /v2/r/blobs/uploads/?digest=${digest} HTTP/1.1\r\nHost: x\r\nContent-Length: ${content.length}\r\nExpect: 100-continue\r\n\r\n`;
  const said: string[] = [];
  const ended = new Promise<void>((resolve) => socket.on("close", () => resolve()));
  await new Promise<void>((resolve) => {
    socket.on("data", (chunk) => {
      said.push(String(chunk));
      if (String(chunk).includes("100 Continue")) resolve();
    });
    socket.write(head);
  });
  const closing = registry.close();
  await assert.rejects(fetch(`${registry.url}/v2/`));
  socket.write(content);
  await Promise.all([closing, ended]);
  assert.match(said.join(""), /201 Created/);
  assert.equal(await new FileStorage(root).blobs.size(digest), content.length);
});

test("drops uploads that nobody finished, at its start", async () => {
  const root = join(folder, "purge");
  const upload = join(root, "docker/registry/v2/repositories/a/b/_uploads", crypto.randomUUID());
  await mkdir(upload, { recursive: true });
  await writeFile(join(upload, "data"), "abandoned");
  await writeFile(join(upload, "startedat"), "2020-01-01T00:00:00Z");
  const lines: string[] = [];
  const registry = await start({ rootDirectory: root }, lines);
  while (!lines.some((line) => line.includes("dropped unfinished uploads"))) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.deepEqual(await readdir(join(upload, "..")), []);
  await registry.close();
});

test("tells which address is taken, and which file is missing", async () => {
  const registry = await start({ rootDirectory: join(folder, "taken") });
  const address = { host: "127.0.0.1", port: registry.port };
  const config = configOf({ rootDirectory: join(folder, "taken") });
  await assert.rejects(startRegistry({ ...config, http: { ...config.http, address } }, { write() {} }), {
    code: "CONFIG_INVALID",
    message: /in use/,
  });
  const tls = { certificate: "/none.crt", key: "/none.key", clientCas: [], minimum: "TLSv1.2" } as const;
  await assert.rejects(startRegistry({ ...config, http: { ...config.http, tls } }, { write() {} }), {
    code: "FILE_NOT_FOUND",
    where: "http.tls.certificate",
  });
  await registry.close();
});

test("says at the debug address how it is, and what it has served", async () => {
  const config = configOf({ rootDirectory: join(folder, "debug") });
  const lines: string[] = [];
  const debug = { address: { host: "127.0.0.1", port: 0 }, metricsPath: "/metrics" };
  const registry = await startRegistry(
    { ...config, http: { ...config.http, debug } },
    { write: (line) => lines.push(line) },
  );
  const [api, aside] = registry.addresses;
  await fetch(`${api}/v2/`, { headers: { Authorization: "Basic c2VjcmV0OnNlY3JldA==" } });
  assert.equal((await fetch(`${aside}/debug/health`)).status, 200);
  const metrics = await (await fetch(`${aside}/metrics`)).text();
  assert.match(metrics, /registry_http_requests_total\{method="GET",code="200"\} 1/);
  assert.equal((await fetch(`${aside}/v2/`)).status, 404);
  await registry.close();
  const line = lines.map((text) => JSON.parse(text)).find(({ path }) => path === "/v2/");
  assert.deepEqual([line.method, line.status], ["GET", 200]);
  assert.doesNotMatch(lines.join(""), /c2VjcmV0/);
});

test("is unwell while its folder cannot be written to", async () => {
  const root = join(folder, "unwell");
  const registry = await start({ rootDirectory: root, health: { interval: 20, threshold: 2 } });
  assert.equal((await fetch(`${registry.url}/healthz`)).status, 200);
  await rm(root, { recursive: true });
  let status = 200;
  while (status === 200) status = (await fetch(`${registry.url}/healthz`)).status;
  assert.equal(status, 503);
  assert.equal((await fetch(`${registry.url}/v2/`)).status, 503);
  await mkdir(root);
  while (status === 503) status = (await fetch(`${registry.url}/healthz`)).status;
  assert.equal((await fetch(`${registry.url}/v2/`)).status, 200);
  await registry.close();
});

test("stores a tag so that a crash leaves the old one or the new one", async () => {
  const root = join(folder, "order");
  const registry = await start({ rootDirectory: root });
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: [],
  });
  await fetch(`${registry.url}/v2/r/manifests/v1`, {
    method: "PUT",
    body: manifest,
    headers: { "Content-Type": "application/vnd.oci.image.index.v1+json" },
  });
  const base = join(root, "docker/registry/v2/repositories/r/_manifests");
  const hex = hexOf(digestOf(manifest));
  assert.deepEqual(await readdir(join(base, "tags/v1/current")), ["link"]);
  assert.deepEqual(await readdir(join(base, `tags/v1/index/sha256/${hex}`)), ["link"]);
  assert.deepEqual(await readdir(join(base, `revisions/sha256/${hex}`)), ["link"]);
  await registry.close();
});

function configOf(changes: Partial<RegistryConfig>): RegistryConfig {
  const config = parseRegistryConfig("", "test");
  return { ...config, http: { ...config.http, address: { host: "127.0.0.1", port: 0 } }, ...changes };
}

async function start(changes: Partial<RegistryConfig>, lines: string[] = []) {
  const registry = await startRegistry(configOf(changes), { write: (line) => lines.push(line) });
  const url = registry.addresses[0]!;
  return { url, port: Number(new URL(url).port), close: () => registry.close() };
}
