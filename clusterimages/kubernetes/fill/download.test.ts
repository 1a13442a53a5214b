import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { temporaryDirectory } from "#files";
import { download } from "./download.ts";
import { downloadSite, serve } from "./testing.ts";

const bytes = randomBytes(300_000);
const sha256 = createHash("sha256").update(bytes).digest("hex");
const quick = { sha256, delay: 1 };

test("follows redirects to where the file lies", async () => {
  await using folder = await temporaryDirectory(tmpdir(), "download-");
  await using site = await downloadSite((request, response) => {
    if (request.url === "/release") response.writeHead(302, { location: "/moved" }).end();
    else if (request.url === "/moved") response.writeHead(307, { location: `${site.url}/file` }).end();
    else serve(bytes, request, response);
  });

  const target = join(folder.path, "new/file");
  assert.equal(await download(`${site.url}/release`, target, quick), sha256);

  assert.deepEqual(await readFile(target), bytes);
  assert.deepEqual(
    site.received.map(({ path }) => path),
    ["/release", "/moved", "/file"],
  );
});

test("goes on where a broken connection stopped", async () => {
  await using folder = await temporaryDirectory(tmpdir(), "download-");
  const target = join(folder.path, "file");
  await using site = await downloadSite((request, response, received) => {
    if (received.length > 2) return serve(bytes, request, response);
    const from = received.length === 1 ? 0 : 100_000;
    if (from > 0) response.writeHead(206, { "content-range": `bytes ${from}-299999/300000` });
    else response.writeHead(200, { "content-length": bytes.length });
    response.write(bytes.subarray(from, from + 100_000));
    void arrived(`${target}.part`, from + 100_000).then(() => response.destroy());
  });

  await download(`${site.url}/file`, target, quick);

  assert.deepEqual(await readFile(target), bytes);
  assert.deepEqual(
    site.received.map(({ range }) => range),
    [undefined, "bytes=100000-", "bytes=200000-"],
  );
});

test("goes on with what an earlier run left, and asks for nothing that has come", async () => {
  await using folder = await temporaryDirectory(tmpdir(), "download-");
  await using site = await downloadSite((request, response) => serve(bytes, request, response));
  const target = join(folder.path, "file");

  await writeFile(`${target}.part`, bytes.subarray(0, 250_000));
  await download(`${site.url}/file`, target, quick);
  assert.deepEqual(await readFile(target), bytes);

  await writeFile(`${target}.part`, bytes);
  await download(`${site.url}/file`, target, quick);
  assert.deepEqual(await readFile(target), bytes);
  assert.deepEqual(
    site.received.map(({ range }) => range),
    ["bytes=250000-", "bytes=300000-"],
  );
});

test("starts again where the server knows no ranges", async () => {
  await using folder = await temporaryDirectory(tmpdir(), "download-");
  await using site = await downloadSite((_, response) => {
    response.writeHead(200, { "content-length": bytes.length }).end(bytes);
  });
  const target = join(folder.path, "file");
  await writeFile(`${target}.part`, "something");

  await download(`${site.url}/file`, target, quick);

  assert.deepEqual(await readFile(target), bytes);
});

test("throws what was left away when it is longer than the file", async () => {
  await using folder = await temporaryDirectory(tmpdir(), "download-");
  await using site = await downloadSite((request, response) => serve(bytes, request, response));
  const target = join(folder.path, "file");
  await writeFile(`${target}.part`, Buffer.concat([bytes, bytes]));

  await download(`${site.url}/file`, target, quick);

  assert.deepEqual(await readFile(target), bytes);
});

test("refuses a file with another digest, and keeps nothing of it", async () => {
  await using folder = await temporaryDirectory(tmpdir(), "download-");
  await using site = await downloadSite((request, response) =>
    serve(Buffer.from("other"), request, response),
  );

  await assert.rejects(download(`${site.url}/file`, join(folder.path, "file"), quick), {
    code: "DIGEST_MISMATCH",
    where: `${site.url}/file`,
    message: new RegExp(sha256),
  });

  assert.deepEqual(await readdir(folder.path), []);
  assert.equal(site.received.length, 1);
});

test("says at once that there is no such file", async () => {
  await using folder = await temporaryDirectory(tmpdir(), "download-");
  await using site = await downloadSite((_, response) => response.writeHead(404).end("no"));

  await assert.rejects(download(`${site.url}/gone`, join(folder.path, "file"), quick), {
    code: "DOWNLOAD_FAILED",
    message: /answers 404/,
    where: `${site.url}/gone`,
  });

  assert.equal(site.received.length, 1);
});

test("asks an overloaded server again, but not for ever", async () => {
  await using folder = await temporaryDirectory(tmpdir(), "download-");
  await using site = await downloadSite((request, response, received) => {
    if (received.length % 3 !== 0) response.writeHead(received.length % 2 ? 503 : 429).end();
    else serve(bytes, request, response);
  });
  const target = join(folder.path, "file");

  await download(`${site.url}/file`, target, quick);
  assert.equal(site.received.length, 3);

  await assert.rejects(download(`${site.url}/file`, target, { ...quick, attempts: 2 }), /answers 503/);
});

test("gives up on redirects that never end", async () => {
  await using folder = await temporaryDirectory(tmpdir(), "download-");
  await using site = await downloadSite((_, response) =>
    response.writeHead(302, { location: "/again" }).end(),
  );

  await assert.rejects(download(`${site.url}/file`, join(folder.path, "file"), quick), {
    code: "DOWNLOAD_FAILED",
    message: /redirects more than/,
  });
});

async function arrived(path: string, size: number): Promise<void> {
  while (((await stat(path).catch(() => undefined))?.size ?? 0) < size) await sleep(5);
}
