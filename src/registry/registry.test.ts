import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { createServer, type IncomingHttpHeaders, request } from "node:http";
import type { AddressInfo } from "node:net";
import { after, test } from "node:test";
import { type Digest, digestOf, mediaTypes } from "#oci";
import { createLog, createRegistry, MemoryStorage, openAccess, parseRegistryConfig } from "./index.ts";

const servers: (() => void)[] = [];
after(() => {
  for (const close of servers) close();
});

const config = { mediaType: mediaTypes.ociConfig, digest: digestOf("{}"), size: 2 };

test("answers the ping, health and what is not there", async () => {
  const ask = await registry();
  assert.deepEqual(await statusAndBody(ask("GET", "/v2/")), [200, "{}\n"]);
  assert.equal((await ask("GET", "/healthz")).status, 200);
  for (const [path, code] of [
    [`/v2/r/blobs/${digestOf("no")}`, "BLOB_UNKNOWN"],
    ["/v2/r/manifests/latest", "MANIFEST_UNKNOWN"],
    ["/v2/r/tags/list", "NAME_UNKNOWN"],
    [`/v2/r/blobs/uploads/${crypto.randomUUID()}`, "BLOB_UPLOAD_UNKNOWN"],
  ] as const) {
    const reply = await ask("GET", path);
    assert.deepEqual([path, reply.status, codeOf(reply)], [path, 404, code]);
  }
});

for (const algorithm of ["sha256", "sha512"] as const) {
  const content = randomBytes(3000);
  const digest = digestOf(content, algorithm);

  test(`takes a ${algorithm} blob in one request`, async () => {
    const ask = await registry();
    const reply = await ask("POST", `/v2/r/blobs/uploads/?digest=${digest}`, { body: content });
    assertCreated(reply, digest);
    assert.deepEqual((await ask("GET", reply.headers.location!)).body, content);
  });

  test(`takes a ${algorithm} blob by POST and PUT`, async () => {
    const ask = await registry();
    const begun = await ask("POST", "/v2/r/blobs/uploads/");
    assert.equal(begun.status, 202);
    assertCreated(await ask("PUT", `${begun.headers.location}?digest=${digest}`, { body: content }), digest);
  });

  test(`takes a streamed ${algorithm} blob`, async () => {
    const ask = await registry();
    const { headers } = await ask("POST", "/v2/r/blobs/uploads/");
    const patched = await ask("PATCH", headers.location!, { body: content, chunked: true });
    assert.deepEqual([patched.status, patched.headers.range], [202, "0-2999"]);
    assertCreated(await ask("PUT", `${patched.headers.location}?digest=${digest}`), digest);
  });

  for (const lastInPut of [false, true]) {
    test(`takes a ${algorithm} blob in chunks, the last by ${lastInPut ? "PUT" : "PATCH"}`, async () => {
      const ask = await registry();
      const { headers } = await ask("POST", "/v2/r/blobs/uploads/");
      const location = headers.location!;
      const chunks = [0, 1000, 2000].map((at) => ({
        body: content.subarray(at, at + 1000),
        headers: { "Content-Range": `${at}-${at + 999}` },
      }));
      const closing = `${location}?digest=${digest}`;
      for (const [i, chunk] of chunks.entries()) {
        const wrong = await ask("PATCH", location, { ...chunk, headers: { "Content-Range": "9000-9999" } });
        assert.equal(wrong.status, 416);
        const { status, headers } = await ask("GET", location);
        assert.deepEqual([status, headers.range], [204, i === 0 ? "0-0" : `0-${i * 1000 - 1}`]);
        if (lastInPut && i === 2) assertCreated(await ask("PUT", closing, chunk), digest);
        else assert.equal((await ask("PATCH", location, chunk)).headers.range, `0-${i * 1000 + 999}`);
      }
      if (!lastInPut) assertCreated(await ask("PUT", closing), digest);
      assert.deepEqual((await ask("GET", `/v2/r/blobs/${digest}`)).body, content);
      assert.equal((await ask("GET", location)).status, 404);
    });
  }

  test(`refuses bytes that are not the ${algorithm} blob they should be, and keeps nothing`, async () => {
    const ask = await registry();
    const other = Buffer.from("something else");
    const post = await ask("POST", `/v2/r/blobs/uploads/?digest=${digest}`, { body: other });
    const { headers } = await ask("POST", "/v2/r/blobs/uploads/");
    await ask("PATCH", headers.location!, { body: other });
    const put = await ask("PUT", `${headers.location}?digest=${digest}`);
    for (const reply of [post, put]) assert.deepEqual([reply.status, codeOf(reply)], [400, "DIGEST_INVALID"]);
    assert.equal((await ask("HEAD", `/v2/r/blobs/${digest}`)).status, 404);
    assert.equal((await ask("HEAD", `/v2/r/blobs/${digestOf(other)}`)).status, 404);
    assert.equal((await ask("GET", headers.location!)).status, 404);
  });
}

test("takes the empty blob", async () => {
  const ask = await registry();
  const digest = await pushBlob(ask, "r", Buffer.alloc(0));
  const { status, headers, body } = await ask("GET", `/v2/r/blobs/${digest}`);
  assert.deepEqual([status, headers["content-length"], body.length], [200, "0", 0]);
});

test("cancels an upload", async () => {
  const ask = await registry();
  const { headers } = await ask("POST", "/v2/r/blobs/uploads/");
  assert.equal((await ask("DELETE", headers.location!)).status, 204);
  assert.equal((await ask("PATCH", headers.location!, { body: Buffer.from("x") })).status, 404);
});

test("mounts a blob from another repository, and only what that one has", async () => {
  const ask = await registry();
  const digest = await pushBlob(ask, "from", Buffer.from("mounted"));
  const mount = (to: string, from: string, what = digest) =>
    ask("POST", `/v2/${to}/blobs/uploads/?mount=${what}&from=${from}`);
  assert.equal((await mount("a", "nowhere")).status, 202);
  assert.equal((await ask("HEAD", `/v2/a/blobs/${digest}`)).status, 404);
  assertCreated(await mount("a", "from"), digest);
  assert.equal((await ask("GET", `/v2/a/blobs/${digest}`)).body.toString(), "mounted");
  assertCreated(await ask("POST", `/v2/b/blobs/uploads/?mount=${digest}`), digest);
  assert.equal((await ask("POST", `/v2/b/blobs/uploads/?mount=${digestOf("lacking")}`)).status, 202);
});

test("a blob that is deleted in one repository stays in the others, and is gone there", async () => {
  const ask = await registry();
  const digest = await pushBlob(ask, "a", Buffer.from("shared"));
  await pushBlob(ask, "b", Buffer.from("shared"));
  assert.equal((await ask("DELETE", `/v2/a/blobs/${digest}`)).status, 202);
  assert.equal((await ask("GET", `/v2/b/blobs/${digest}`)).status, 200);
  assert.equal((await ask("GET", `/v2/a/blobs/${digest}`)).status, 404);
  assert.equal((await ask("DELETE", `/v2/a/blobs/${digest}`)).status, 404);
});

const bytes = randomBytes(2048);
for (const [range, from, to] of [
  ["bytes=500-1499", 500, 1499],
  ["bytes=500-", 500, 2047],
  ["bytes=-500", 1548, 2047],
  ["bytes=2000-5000", 2000, 2047],
  ["bytes=0-0", 0, 0],
  ["bytes=-5000", 0, 2047],
] as const) {
  test(`serves ${range}`, async () => {
    const ask = await registry();
    const digest = await pushBlob(ask, "r", bytes);
    const { status, headers, body } = await ask("GET", `/v2/r/blobs/${digest}`, {
      headers: { Range: range },
    });
    assert.deepEqual(
      [status, headers["content-range"], headers["content-length"]],
      [206, `bytes ${from}-${to}/2048`, String(to - from + 1)],
    );
    assert.deepEqual(body, bytes.subarray(from, to + 1));
  });
}

for (const range of [
  "bytes=500-0",
  "bytes=5000-10000",
  "bytes=-0",
  "=0",
  "bytes=",
  "bytes=-",
  "byte=-0",
  "bytes=-1--0",
  "bytes=0-a",
  "bytes=0-1,4-5",
  "0-5",
]) {
  test(`has no range "${range}"`, async () => {
    const ask = await registry();
    const digest = await pushBlob(ask, "r", bytes);
    const reply = await ask("GET", `/v2/r/blobs/${digest}`, { headers: { Range: range } });
    assert.deepEqual([reply.status, reply.headers["content-range"]], [416, "bytes */2048"]);
  });
}

for (const mediaType of [mediaTypes.ociManifest, mediaTypes.dockerManifest]) {
  test(`keeps a manifest of type ${mediaType} byte for byte, by tag and by digest`, async () => {
    const ask = await registry();
    const manifest = JSON.stringify(
      { schemaVersion: 2, mediaType, config, layers: [], "x-own": { kept: "é" } },
      null,
      3,
    );
    const digest = digestOf(manifest);
    const put = await ask("PUT", "/v2/a/b/manifests/v1", {
      body: manifest,
      headers: { "Content-Type": `${mediaType}; charset=utf-8` },
    });
    assertCreated(put, digest);
    for (const path of ["/v2/a/b/manifests/v1", `/v2/a/b/manifests/${digest}`, put.headers.location!]) {
      const got = await ask("GET", path);
      assert.deepEqual(
        [got.status, got.headers["content-type"], got.headers["docker-content-digest"], got.body.toString()],
        [200, mediaType, digest, manifest],
      );
      const head = await ask("HEAD", path);
      assert.deepEqual(
        [head.status, head.headers["content-length"], head.body.length],
        [200, String(Buffer.byteLength(manifest)), 0],
      );
      assert.equal((await ask("GET", path, { headers: { "If-None-Match": `"${digest}"` } })).status, 304);
    }
  });
}

test("takes an OCI manifest and an index that do not name their type", async () => {
  const ask = await registry();
  for (const [document, mediaType] of [
    [{ schemaVersion: 2, config, layers: [] }, mediaTypes.ociManifest],
    [{ schemaVersion: 2, manifests: [] }, mediaTypes.ociIndex],
  ] as const) {
    await putJson(ask, "r", "t", document, mediaType);
    assert.equal((await ask("GET", "/v2/r/manifests/t")).headers["content-type"], mediaType);
  }
});

test("pushes by digest in either algorithm, with tags as parameters", async () => {
  const ask = await registry();
  const manifest = JSON.stringify(imageManifest());
  for (const algorithm of ["sha256", "sha512"] as const) {
    const digest = digestOf(manifest, algorithm);
    const put = await ask("PUT", `/v2/r/manifests/${digest}?tag=a&tag=b`, { body: manifest });
    assertCreated(put, digest);
    assert.equal(put.headers["oci-tag"], "a, b");
    assert.equal((await ask("GET", "/v2/r/manifests/b")).headers["docker-content-digest"], digest);
  }
});

const manyAnnotations = Object.fromEntries(
  Array.from({ length: 390 }, (_, i) => [`note-${i}`, "x".repeat(10_000)]),
);
test("takes a manifest of 3.9 MB and refuses one of more than 4 MiB", async () => {
  const ask = await registry();
  const large = JSON.stringify(imageManifest({ annotations: manyAnnotations }));
  assert.equal((await ask("PUT", "/v2/r/manifests/large", { body: large })).status, 201);
  for (const chunked of [false, true]) {
    const body = Buffer.alloc((4 << 20) + 1, " ");
    const reply = await ask("PUT", "/v2/r/manifests/huge", { body, chunked });
    assert.deepEqual([reply.status, codeOf(reply)], [413, "SIZE_INVALID"]);
  }
});

for (const [what, document, contentType] of [
  ["no JSON", "{", mediaTypes.ociManifest],
  ["a list", "[]", mediaTypes.ociManifest],
  [
    "schema 1",
    { schemaVersion: 1, signatures: [] },
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
  ],
  ["another type than it says", imageManifest(), mediaTypes.ociIndex],
  ["both layers and manifests", { ...imageManifest(), manifests: [] }, mediaTypes.ociManifest],
  [
    "a digest that is a path",
    imageManifest({ layers: [{ ...config, digest: "sha256:../../x" }] }),
    undefined,
  ],
  ["a negative size", imageManifest({ layers: [{ ...config, size: -1 }] }), undefined],
  ["layers that are no list", imageManifest({ layers: {} }), undefined],
  ["no config", { schemaVersion: 2, mediaType: mediaTypes.ociManifest, layers: [] }, undefined],
] as const) {
  test(`refuses a manifest with ${what}`, async () => {
    const ask = await registry();
    const body = typeof document === "string" ? document : JSON.stringify(document);
    const reply = await ask("PUT", "/v2/r/manifests/v1", {
      body,
      ...(contentType ? { headers: { "Content-Type": contentType } } : {}),
    });
    assert.deepEqual([reply.status, codeOf(reply)], [400, "MANIFEST_INVALID"]);
    assert.equal((await ask("HEAD", "/v2/r/manifests/v1")).status, 404);
  });
}

test("refuses a manifest that is not the digest it is pushed by", async () => {
  const ask = await registry();
  const digest = digestOf("other");
  for (const reference of [digest, "sha256:baddigeststring"]) {
    const reply = await ask("PUT", `/v2/r/manifests/${reference}`, { body: JSON.stringify(imageManifest()) });
    assert.deepEqual([reply.status, codeOf(reply)], [400, "DIGEST_INVALID"]);
  }
});

for (const path of [
  "/v2/../../etc/passwd",
  "/v2/..%2f..%2fetc/manifests/x",
  "/v2/%2e%2e/manifests/x",
  "/v2/A/manifests/x",
  "/v2/a//b/manifests/x",
  "/v2/a%00/manifests/x",
  "/v2/_uploads/manifests/x",
  "/v2/a/blobs/sha256:..%2f..%2fx",
  "/v2/a/blobs/uploads/..%2f..%2fx",
  "/v2/a/blobs/uploads/../../x",
  `/v2/a/manifests/${"t".repeat(129)}`,
  "/v2/a/manifests/..",
  "/v2/%ff/manifests/x",
  `/v2/${"a/".repeat(200)}a/manifests/x`,
  "/v2/a/referrers/sha256:x",
  "/v2/a/manifests/x?ns=../..",
  "/v2/a/manifests/x?ns=a%2fb",
]) {
  test(`refuses ${path.slice(0, 60)} without touching anything`, async () => {
    const ask = await registry();
    for (const method of ["GET", "PUT"]) {
      const reply = await ask(method, path, { body: "{}" });
      assert.ok([400, 404, 405].includes(reply.status), `${method} is answered ${reply.status}`);
      assert.match(JSON.parse(reply.body.toString()).errors[0].code, /^[A-Z_]+$/);
    }
  });
}

test("lists tags in the order of bytes, page by page", async () => {
  const ask = await registry();
  for (const tag of ["b", "a", "B", "a.1", "10"]) await putJson(ask, "r", tag, imageManifest());
  const list = async (query: string) => {
    const { headers, body } = await ask("GET", `/v2/r/tags/list${query}`);
    return [JSON.parse(body.toString()).tags, headers.link];
  };
  assert.deepEqual(await list(""), [["10", "B", "a", "a.1", "b"], undefined]);
  assert.deepEqual(await list("?n=2"), [["10", "B"], '</v2/r/tags/list?n=2&last=B>; rel="next"']);
  assert.deepEqual(await list("?n=2&last=a.1"), [["b"], undefined]);
  assert.deepEqual(await list("?n=0"), [[], undefined]);
  assert.deepEqual(await list("?last=zz"), [[], undefined]);
  for (const n of ["-1", "abc", "1e9"])
    assert.equal((await ask("GET", `/v2/r/tags/list?n=${n}`)).status, 400);
});

test("lists the catalog page by page, also names that others begin with", async () => {
  const ask = await registry();
  const names = ["a", "a-b", "a/b", "a/b/c", "quay.io/a"];
  for (const name of names) await putJson(ask, name, "v1", imageManifest());
  const seen: string[] = [];
  for (let path: string | undefined = "/v2/_catalog?n=2"; path; ) {
    const { headers, body }: Answer = await ask("GET", path);
    seen.push(...JSON.parse(body.toString()).repositories);
    path = /<(.+)>/.exec(String(headers.link ?? ""))?.[1];
  }
  assert.deepEqual(seen, names);
  assert.equal((await ask("GET", "/v2/_catalog?n=2147483648")).status, 200);
});

test("deleting a manifest takes its tags with it, deleting a tag only the tag", async () => {
  const ask = await registry();
  const { digest } = await putJson(ask, "r", "one", imageManifest());
  await putJson(ask, "r", "two", imageManifest());
  await putJson(ask, "r", "other", imageManifest({ annotations: { is: "other" } }));
  assert.equal((await ask("DELETE", "/v2/r/manifests/one")).status, 202);
  assert.equal((await ask("HEAD", "/v2/r/manifests/one")).status, 404);
  assert.equal((await ask("HEAD", `/v2/r/manifests/${digest}`)).status, 200);
  assert.equal((await ask("DELETE", `/v2/r/manifests/${digest}`)).status, 202);
  for (const reference of ["two", digest]) {
    assert.equal((await ask("HEAD", `/v2/r/manifests/${reference}`)).status, 404);
  }
  assert.equal((await ask("DELETE", `/v2/r/manifests/${digest}`)).status, 404);
  assert.deepEqual(JSON.parse((await ask("GET", "/v2/r/tags/list")).body.toString()).tags, ["other"]);
});

test("lists referrers pushed before and after their subject, filtered by type", async () => {
  const ask = await registry();
  const subject = {
    mediaType: mediaTypes.ociManifest,
    digest: digestOf(JSON.stringify(imageManifest())),
    size: 1,
  };
  const early = await putJson(ask, "r", undefined, imageManifest({ subject, annotations: { is: "early" } }));
  assert.equal(early.reply.headers["oci-subject"], subject.digest);
  await putJson(ask, "r", "v1", imageManifest());
  await putJson(ask, "r", undefined, imageManifest({ subject, artifactType: "application/x.late" }));
  const list = async (query: string) => {
    const { status, headers, body } = await ask("GET", `/v2/r/referrers/${subject.digest}${query}`);
    const { manifests } = JSON.parse(body.toString()) as { manifests: Record<string, unknown>[] };
    return { status, headers, types: manifests.map(({ artifactType }) => artifactType).sort(), manifests };
  };
  const all = await list("");
  assert.deepEqual([all.status, all.headers["content-type"]], [200, mediaTypes.ociIndex]);
  assert.deepEqual(all.types, [config.mediaType, "application/x.late"]);
  const described = all.manifests.find(({ digest }) => digest === early.digest);
  assert.deepEqual(described, {
    mediaType: mediaTypes.ociManifest,
    digest: early.digest,
    size: early.size,
    artifactType: config.mediaType,
    annotations: { is: "early" },
  });
  const late = await list("?artifactType=application/x.late");
  assert.deepEqual(
    [late.types, late.headers["oci-filters-applied"]],
    [["application/x.late"], "artifactType"],
  );
  await ask("DELETE", `/v2/r/manifests/${early.digest}`);
  assert.deepEqual((await list("")).types, ["application/x.late"]);
  assert.deepEqual((await list("?n=0")).types, []);
});

test("a subject without referrers has an empty list, in a repository that is not there too", async () => {
  const ask = await registry();
  const { status, headers, body } = await ask("GET", `/v2/none/referrers/${digestOf("x")}`);
  assert.deepEqual([status, headers["content-type"]], [200, mediaTypes.ociIndex]);
  assert.deepEqual(JSON.parse(body.toString()), {
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: [],
  });
});

test("referrers that clients kept under a tag are listed too", async () => {
  const ask = await registry();
  const subject = digestOf("subject");
  const kept = {
    mediaType: mediaTypes.ociManifest,
    digest: digestOf("signature"),
    size: 9,
    artifactType: "x/sig",
  };
  const fallback = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [kept] };
  await putJson(ask, "r", subject.replace(":", "-"), fallback);
  const { body } = await ask("GET", `/v2/r/referrers/${subject}`);
  assert.deepEqual(JSON.parse(body.toString()).manifests, [kept]);
});

for (const [method, path] of [
  ["DELETE", "/v2/r/manifests/v1"],
  ["DELETE", `/v2/r/manifests/${digestOf("x")}`],
  ["DELETE", `/v2/r/blobs/${digestOf("x")}`],
  ["DELETE", `/v2/r/blobs/uploads/${crypto.randomUUID()}`],
  ["POST", "/v2/r/manifests/v1"],
  ["PUT", "/v2/_catalog"],
  ["PATCH", "/v2/r/tags/list"],
] as const) {
  test(`${method} ${path.slice(0, 30)} is not possible where deleting is off`, async () => {
    const ask = await registry({ deleteEnabled: false });
    const reply = await ask(method, path);
    assert.deepEqual([reply.status, codeOf(reply)], [405, "UNSUPPORTED"]);
  });
}

test("a read-only registry is read, and not written to", async () => {
  const ask = await registry({ readOnly: true });
  assert.equal((await ask("GET", "/v2/")).status, 200);
  assert.equal((await ask("POST", "/v2/r/blobs/uploads/")).status, 405);
  assert.equal(
    (await ask("PUT", "/v2/r/manifests/v1", { body: JSON.stringify(imageManifest()) })).status,
    405,
  );
});

test("two requests cannot write to one upload at once", async () => {
  const ask = await registry();
  const { headers } = await ask("POST", "/v2/r/blobs/uploads/");
  const halted = ask.halted("PATCH", headers.location!, Buffer.from("first"));
  await halted.begun;
  const second = await ask("PATCH", headers.location!, { body: "second" });
  assert.equal(second.status, 409);
  assert.equal((await halted.finish()).status, 202);
});

function imageManifest(more: Record<string, unknown> = {}): Record<string, unknown> {
  return { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [], ...more };
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

interface Sent {
  readonly body?: Uint8Array | string;
  readonly headers?: Record<string, string>;
  /** Without a Content-Length. */
  readonly chunked?: boolean;
}

type Ask = Awaited<ReturnType<typeof registry>>;

async function registry({ deleteEnabled = true, readOnly = false } = {}) {
  const settings = { ...parseRegistryConfig("", "test"), deleteEnabled, readOnly };
  const log = createLog({ ...settings.log, level: "error", access: false }, (line) => console.error(line));
  const access = await openAccess(undefined, Date.now);
  const server = createServer(
    createRegistry({ storage: new MemoryStorage(), config: settings, access, log }),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  servers.push(() => server.close());
  const { port } = server.address() as AddressInfo;
  const open = (method: string, path: string, headers: Record<string, string | number>) =>
    request({ host: "127.0.0.1", port, method, path, headers, agent: false });

  const ask = (method: string, path: string, { body, headers = {}, chunked = false }: Sent = {}) => {
    const bytes = Buffer.from(body ?? "");
    const sending = open(method, path, chunked ? headers : { "Content-Length": bytes.length, ...headers });
    if (chunked) sending.write(bytes);
    sending.end(chunked ? undefined : bytes);
    return answerOf(sending);
  };
  const halted = (method: string, path: string, body: Uint8Array) => {
    const sending = open(method, path, { Expect: "100-continue", "Content-Length": body.length });
    const answer = answerOf(sending);
    const begun = new Promise<void>((resolve) => sending.on("continue", resolve));
    sending.flushHeaders();
    const finish = () => {
      sending.end(body);
      return answer;
    };
    return { begun, finish };
  };
  return Object.assign(ask, { halted });
}

function answerOf(sending: ReturnType<typeof request>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    sending.on("error", reject);
    sending.on("response", async (response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk as Buffer);
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) });
    });
  });
}

async function pushBlob(ask: Ask, name: string, body: Buffer): Promise<Digest> {
  const digest = digestOf(body);
  assertCreated(await ask("POST", `/v2/${name}/blobs/uploads/?digest=${digest}`, { body }), digest);
  return digest;
}

async function putJson(ask: Ask, name: string, tag: string | undefined, document: object, type?: string) {
  const body = JSON.stringify(document);
  const digest = digestOf(body);
  const headers = { "Content-Type": type ?? String((document as { mediaType?: string }).mediaType) };
  const reply = await ask("PUT", `/v2/${name}/manifests/${tag ?? digest}`, { body, headers });
  assertCreated(reply, digest);
  return { digest, size: Buffer.byteLength(body), reply };
}

function assertCreated({ status, headers, body }: Answer, digest: Digest): void {
  assert.equal(status, 201, body.toString());
  assert.ok(headers.location);
  assert.equal(headers["docker-content-digest"], digest);
}

function codeOf({ body }: Answer): string {
  return JSON.parse(body.toString()).errors[0].code;
}

async function statusAndBody(answer: Promise<Answer>) {
  const { status, body } = await answer;
  return [status, body.toString()];
}
