import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { digestOf } from "#oci";

const content = Buffer.from(Array.from({ length: 1 << 20 }, (_, index) => index % 251));

/**
 * Kills a registry that has been sent so many KiB of an upload, out of 1024; then checks that one started anew has what was
 * finished before, tells where the upload stands, and lets it be finished.
 */
export async function killRegistry(kibibytes: number): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), "killed-registry-"));
  const running: ChildProcess[] = [];
  try {
    const first = await start(root, running);
    const finished = await push(first.url, Buffer.from("finished before"));
    const begun = await fetch(`${first.url}/v2/r/blobs/uploads/`, { method: "POST" });
    const location = begun.headers.get("location")!;
    await assert.rejects(
      upload(`${first.url}${location}`, content.subarray(0, kibibytes * 1024), first.kill),
    );

    const { url } = await start(root, running);
    assert.equal(await (await fetch(`${url}/v2/r/blobs/${finished}`)).text(), "finished before");
    const digest = digestOf(content);
    assert.equal((await fetch(`${url}/v2/r/blobs/${digest}`)).status, 404);
    const status = await fetch(`${url}${location}`);
    assert.equal(status.status, 204);
    const [, last = "0"] = (status.headers.get("range") ?? "").split("-");
    const there = Number(last) === 0 ? 0 : Number(last) + 1;
    assert.ok(there <= kibibytes * 1024, `${there} bytes are said to be there`);
    const rest = await fetch(`${url}${location}`, {
      method: "PATCH",
      headers: { "Content-Range": `${there}-${content.length - 1}` },
      body: content.subarray(there),
    });
    assert.equal(rest.status, 202);
    assert.equal((await fetch(`${url}${location}?digest=${digest}`, { method: "PUT" })).status, 201);
    const whole = await (await fetch(`${url}/v2/r/blobs/${digest}`)).arrayBuffer();
    assert.equal(digestOf(new Uint8Array(whole)), digest);
  } finally {
    for (const child of running) child.kill("SIGKILL");
    await rm(root, { recursive: true, force: true });
  }
}

/** A registry in a process of its own. */
async function start(root: string, running: ChildProcess[]) {
  const program = `
    const { parseRegistryConfig, startRegistry } = await import(${JSON.stringify(import.meta.resolve("#registry"))});
    const config = parseRegistryConfig("", "test");
    const http = { ...config.http, address: { host: "127.0.0.1", port: 0 } };
    const { addresses } = await startRegistry({ ...config, http, rootDirectory: process.argv[1] }, { write() {} });
    console.log(addresses[0]);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program, root], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  running.push(child);
  const [said] = await once(child.stdout, "data");
  const kill = async () => {
    child.kill("SIGKILL");
    await once(child, "close");
  };
  return { url: String(said).trim(), kill };
}

async function push(url: string, bytes: Buffer<ArrayBuffer>): Promise<string> {
  const digest = digestOf(bytes);
  const reply = await fetch(`${url}/v2/r/blobs/uploads/?digest=${digest}`, { method: "POST", body: bytes });
  assert.equal(reply.status, 201);
  return digest;
}

/** Sends bytes as the beginning of more, in pieces, and then kills who takes them. */
async function upload(url: string, bytes: Buffer, kill: () => Promise<void>): Promise<void> {
  const pieces = async function* () {
    for (let start = 0; start < bytes.length; start += 16_384) yield bytes.subarray(start, start + 16_384);
    await kill();
    yield Buffer.from("nobody takes this");
  };
  const body = Readable.toWeb(Readable.from(pieces())) as ReadableStream;
  await fetch(url, { method: "PATCH", body, duplex: "half" } as RequestInit);
}
