import assert from "node:assert/strict";
import { connect as connectTcp, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { buffer } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { digestOf, mediaTypes } from "#oci";
import {
  blob,
  blobType,
  breaking,
  bytesOf,
  contentContract,
  inPieces,
  manyBytes,
  put,
  putImage,
} from "../../../test/contracts/content-contract.ts";
import { type SmallRegistry, startSmallRegistry } from "../../../test/support/small-registry.ts";
import { copyImage } from "../copy-image.ts";
import { MemoryContent } from "../memory-content.ts";
import { RegistryClient, type RegistryClientOptions } from "./registry-client.ts";

contentContract("a registry", async (t) => clientOf(t, await startSmallRegistry(t)));

test("takes whole references to its own repository", async (t) => {
  const registry = await startSmallRegistry(t);
  const client = clientOf(t, registry);
  const { manifest } = await putImage(client, "v1");
  assert.deepEqual(await client.resolve(`${registry.domain}/team/app:v1`), manifest);
  assert.deepEqual(await client.resolve(`${registry.domain}/team/app:v1@${manifest.digest}`), manifest);
  await assert.rejects(client.resolve("docker.io/library/nginx:1"), { message: /does not belong/ });
});

test("reads an image from a registry that says nothing in its headers", async (t) => {
  const registry = await startSmallRegistry(t);
  const client = clientOf(t, registry);
  const { manifest } = await putImage(client, "v1");
  registry.intercept = (_, response) => {
    const writeHead = response.writeHead.bind(response);
    response.writeHead = ((status: number, headers: Record<string, string>) => {
      const { "docker-content-digest": _digest, "content-type": _type, ...rest } = headers;
      return writeHead(status, rest);
    }) as typeof response.writeHead;
    return false;
  };
  assert.deepEqual(await client.resolve("v1"), manifest);
});

test("mounts a blob from another repository, and sends it where that is refused", async (t) => {
  const registry = await startSmallRegistry(t);
  const other = clientOf(t, registry, { repository: "team/base" });
  const content = await put(other, blobType, manyBytes(2_000_000));
  const client = clientOf(t, registry);

  assert.equal(await client.mount(content, "team/base"), true);
  assert.ok(await client.has(content));

  assert.equal(await client.mount(blob("absent"), "team/base"), false);
  const posts = registry.log.filter((line) => line.startsWith("POST")).length;
  await put(client, blobType, "absent");
  assert.equal(registry.log.filter((line) => line.startsWith("POST")).length, posts);
});

test("lists tags page by page, and not for ever", async (t) => {
  const registry = await startSmallRegistry(t);
  registry.intercept = (_, response, url) => {
    if (!url.pathname.endsWith("/tags/list")) return false;
    const last = url.searchParams.get("last");
    const next = last === null ? "a" : last === "a" ? "b" : "a";
    response.writeHead(200, { link: `<${url.pathname}?last=${next}>; rel="next"` });
    response.end(JSON.stringify({ tags: [`t-${last}`] }));
    return true;
  };
  assert.deepEqual(await clientOf(t, registry).listTags(), ["t-null", "t-a", "t-b"]);
});

test("goes on with a download where the connection broke", async (t) => {
  const registry = await startSmallRegistry(t);
  const client = clientOf(t, registry);
  const bytes = manyBytes(3_000_000);
  const content = await put(client, blobType, bytes);
  let breaks = 0;
  const ranges: (string | undefined)[] = [];
  registry.intercept = (request, response) => {
    if (request.method !== "GET" || !request.url?.includes("/blobs/")) return false;
    ranges.push(request.headers.range);
    if (breaks++ > 1) return false;
    const from = Number(/\d+/.exec(request.headers.range ?? "")?.[0] ?? 0);
    response.writeHead(from ? 206 : 200, {
      "content-length": bytes.length - from,
      "content-range": `bytes ${from}-${bytes.length - 1}/${bytes.length}`,
    });
    response.write(bytes.subarray(from, from + 500_000), () => response.destroy());
    return true;
  };
  assert.ok((await bytesOf(client, content)).equals(bytes));
  assert.equal(ranges.length, 3);
  assert.match(ranges[2] ?? "", /^bytes=\d+-$/);
});

test("says at once that a blob is missing, and goes on when nobody reads for a while", async (t) => {
  const registry = await startSmallRegistry(t);
  const client = clientOf(t, registry);
  await assert.rejects(client.open(blob("absent")), { code: "IMAGE_NOT_FOUND" });
  const bytes = manyBytes(5_000_000);
  const content = await put(client, blobType, bytes);
  const stream = await client.open(content);
  registry.requests.at(-1)?.socket.destroy();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.ok((await buffer(stream)).equals(bytes));
  (await client.open(content)).destroy();
});

test("reads on also where the registry knows no ranges", async (t) => {
  const registry = await startSmallRegistry(t);
  const client = clientOf(t, registry);
  const content = await put(client, blobType, "0123456789");
  registry.intercept = (request) => {
    delete request.headers.range;
    return false;
  };
  assert.equal((await bytesOf(client, content, 4)).toString(), "456789");
});

test("goes on with an upload where the connection broke", async (t) => {
  const registry = await startSmallRegistry(t);
  const source = new MemoryContent();
  const bytes = manyBytes(5_000_000);
  const { layer } = await putImage(source, "v1", bytes);
  let broken = 0;
  const starts: string[] = [];
  registry.intercept = async (request) => {
    if (request.method !== "PATCH") return false;
    starts.push(request.headers["content-range"] ?? "from the start");
    if (broken++ > 0) return false;
    const whole = request[Symbol.asyncIterator].bind(request);
    request[Symbol.asyncIterator] = async function* (): AsyncGenerator<Buffer, undefined> {
      let passed = 0;
      for await (const chunk of { [Symbol.asyncIterator]: whole }) {
        yield chunk;
        passed += chunk.length;
        if (passed > 2_000_000) request.socket.destroy();
      }
    };
    return false;
  };
  const target = clientOf(t, registry);
  await copyImage("v1", source, target);
  assert.ok(registry.blobs.get(`team/app/${layer.digest}`)?.equals(bytes));
  assert.equal(starts.length, 2);
  assert.match(starts[1] ?? "", /^[1-9]\d*-4999999$/);
});

test("starts an upload again when the registry has forgotten it", async (t) => {
  const registry = await startSmallRegistry(t);
  const client = clientOf(t, registry);
  const bytes = manyBytes(3_000_000);
  const content = { mediaType: blobType, digest: digestOf(bytes), size: bytes.length };
  await assert.rejects(client.write(content, breaking(bytes)));
  registry.intercept = (request, response) => {
    if (request.method !== "GET" || !request.url?.includes("/uploads/")) return false;
    response.writeHead(404).end();
    return true;
  };
  assert.equal(await client.offsetOf(content.digest), 0);
  await client.write(content, inPieces(bytes));
  assert.ok(await client.has(content));
});

for (const status of [429, 500, 502, 503]) {
  test(`asks again after a ${status}`, async (t) => {
    const registry = await startSmallRegistry(t);
    const client = clientOf(t, registry);
    const { manifest } = await putImage(client, "v1");
    let failures = 2;
    registry.intercept = (_, response) => {
      if (failures-- <= 0) return false;
      response.writeHead(status, { "retry-after": "0" }).end();
      return true;
    };
    assert.deepEqual(await client.resolve("v1"), manifest);
  });
}

test("tells what a registry says when it gives up", async (t) => {
  const registry = await startSmallRegistry(t);
  registry.intercept = (_, response) => {
    response.writeHead(500);
    response.end(JSON.stringify({ errors: [{ code: "UNKNOWN", message: "disk\u001b[31m broken" }] }));
    return true;
  };
  await assert.rejects(bytesOf(clientOf(t, registry), blob("x")), {
    code: "REGISTRY_FAILED",
    where: registry.domain,
    message: /answered 500 .*: disk \[31m broken$/,
  });
});

test("says why a registry cannot be reached", async (t) => {
  for (const [domain, why] of [
    ["127.0.0.1:1", /connection refused/],
    ["registry.invalid", /no such host name|name server/],
  ] as const) {
    const client = new RegistryClient({ domain, repository: "x", retry: { attempts: 1, delay: 1 } });
    t.after(() => client.close());
    await assert.rejects(client.resolve("v1"), {
      code: "REGISTRY_UNREACHABLE",
      exitCode: 3,
      message: why,
      where: domain,
    });
  }
});

test("a registry that answers nonsense cannot be used", async (t) => {
  const registry = await startSmallRegistry(t);
  const client = clientOf(t, registry, { plainHttp: true });
  registry.intercept = (request, response) => {
    response.socket?.end("nonsense\r\n\r\n");
    return request.url !== undefined;
  };
  await assert.rejects(client.resolve("v1"), { code: "REGISTRY_UNREACHABLE" });
});

test("speaks through a stream that somebody else has made", async (t) => {
  const registry = await startSmallRegistry(t);
  const [, port = ""] = registry.domain.split(":");
  const asked: string[] = [];
  const client = clientOf(
    t,
    { ...registry, domain: "sea.hub:5000" },
    {
      plainHttp: true,
      connect: async (host, to) => {
        asked.push(`${host}:${to}`);
        const socket = connectTcp(Number(port), "127.0.0.1");
        return asChannel(socket);
      },
    },
  );
  const { manifest } = await putImage(client, "v1", manyBytes(2_000_000));
  assert.deepEqual(await client.resolve("v1"), manifest);
  assert.ok(asked.length > 0 && asked.every((to) => to === "sea.hub:5000"));
});

test("refuses a manifest that is sent as another kind", async (t) => {
  const registry = await startSmallRegistry(t);
  const client = clientOf(t, registry);
  const { manifest } = await putImage(client, "v1");
  registry.manifests.set(`team/app/${manifest.digest}`, {
    type: mediaTypes.ociIndex,
    bytes: registry.manifests.get("team/app/v1")!.bytes,
  });
  await assert.rejects(bytesOf(client, manifest), { code: "IMAGE_INVALID" });
});

test("notices a blob whose bytes changed, and keeps nothing of it", async (t) => {
  const registry = await startSmallRegistry(t);
  const client = clientOf(t, registry);
  const { layer } = await putImage(client, "v1");
  for (const bytes of ["LAYER of v1", "layer of v1 and more", "layer"]) {
    registry.blobs.set(`team/app/${layer.digest}`, Buffer.from(bytes));
    const target = new MemoryContent();
    await assert.rejects(copyImage("v1", client, target), { code: "DIGEST_MISMATCH" });
    assert.equal(await target.has(layer), false);
  }
});

test("never asks for what is no tag and no digest", async (t) => {
  const registry = await startSmallRegistry(t);
  const client = clientOf(t, registry);
  for (const bad of ["sha256:../../x", "sha256:ABC", "md5:00", "../x", "a b", ""]) {
    await assert.rejects(client.resolve(bad));
  }
  assert.throws(() => clientOf(t, registry, { repository: "../x" }), { code: "REFERENCE_INVALID" });
  assert.deepEqual(registry.log, []);
});

/** What SSH gives: a stream that is not a socket. */
function asChannel(socket: Socket): Duplex {
  const channel = new Duplex({
    read: () => socket.resume(),
    write: (chunk, _, done) => socket.write(chunk, done),
    final: (done) => socket.end(done),
    destroy: (error, done) => {
      socket.destroy();
      done(error);
    },
  });
  socket.on("data", (chunk) => channel.push(chunk) || socket.pause());
  socket.on("end", () => channel.push(null));
  socket.on("error", (error) => channel.destroy(error));
  return channel;
}

function clientOf(
  t: TestContext,
  { domain }: Pick<SmallRegistry, "domain">,
  options: Partial<RegistryClientOptions> = {},
): RegistryClient {
  const client = new RegistryClient({
    domain,
    repository: "team/app",
    retry: { attempts: 4, delay: 1 },
    ...options,
  });
  t.after(() => client.close());
  return client;
}
