import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import type { TLSSocket } from "node:tls";
import { blobType, bytesOf, manyBytes, put, putImage } from "../../../test/contracts/content-contract.ts";
import { makeCertificate } from "../../../test/support/certificates.ts";
import { bodyOf, type SmallRegistry, startSmallRegistry } from "../../../test/support/small-registry.ts";
import { RegistryClient, type RegistryClientOptions } from "./registry-client.ts";

const login = { username: "u", password: "secret" };
const basic = `Basic ${Buffer.from("u:secret").toString("base64")}`;

test("logs in with user and password", async (t) => {
  const { client, registry } = await world(t, { credentials: async () => login });
  registry.intercept = demand(basic, 'Basic realm="x"');
  await putImage(client, "v1", manyBytes(2_000_000));
  await client.ping();
});

test("says that a login is needed, or wrong", async (t) => {
  const { client, registry } = await world(t);
  registry.intercept = demand(basic, 'Basic realm="x"');
  await assert.rejects(client.resolve("v1"), {
    code: "REGISTRY_REFUSED",
    exitCode: 3,
    hint: /sealer login registry\.example\.com/,
  });

  const wrong = await world(t, { credentials: async () => ({ username: "u", password: "wrong" }) });
  wrong.registry.intercept = demand(basic, 'Basic realm="x"');
  await assert.rejects(wrong.client.resolve("v1"), (error: Error) => {
    assert.equal((error as { code?: string }).code, "REGISTRY_REFUSED");
    assert.doesNotMatch(JSON.stringify(error) + error.stack, /wrong"|dTp3cm9uZw/);
    return true;
  });
});

test("fetches a token for what it does, from the server that the registry names", async (t) => {
  const { client, registry, auth } = await world(t, { credentials: async () => login });
  const asked: URLSearchParams[] = [];
  auth.intercept = (request, response, url) => {
    assert.equal(request.headers.authorization, basic);
    asked.push(url.searchParams);
    return json(response, { access_token: `t${asked.length}`, expires_in: 300 });
  };
  registry.intercept = (request, response) => {
    const scope = request.method === "GET" || request.method === "HEAD" ? "pull" : "pull,push";
    const enough = scope === "pull" ? /^Bearer t[12]$/ : /^Bearer t2$/;
    if (enough.test(request.headers.authorization ?? "")) return false;
    return challenge(
      response,
      `Bearer realm="https://auth.example.com/token",service="registry",scope="repository:team/app:${scope}"`,
    );
  };
  await assert.rejects(client.resolve("v1"), { code: "IMAGE_NOT_FOUND" });
  await putImage(client, "v1", manyBytes(2_000_000));
  await client.resolve("v1");
  assert.deepEqual(
    asked.map((query) => [query.get("service"), query.getAll("scope"), query.get("account")]),
    [
      ["registry", ["repository:team/app:pull"], "u"],
      ["registry", ["repository:team/app:pull,push"], "u"],
    ],
  );
});

test("uses an identity token the way OAuth does", async (t) => {
  const { client, registry, auth } = await world(t, {
    credentials: async () => ({ username: "", password: "", identityToken: "refresh" }),
  });
  auth.intercept = async (request, response) => {
    const form = new URLSearchParams((await bodyOf(request)).toString());
    assert.deepEqual([request.method, form.get("refresh_token")], ["POST", "refresh"]);
    return json(response, { access_token: "t" });
  };
  registry.intercept = demand("Bearer t", "Bearer realm=https://auth.example.com/token, Basic");
  await putImage(client, "v1");
});

test("a token that has run out is fetched anew", async (t) => {
  const { client, registry, auth } = await world(t);
  let valid = 0;
  auth.intercept = (_, response) => json(response, { token: `t${++valid}` });
  registry.intercept = (request, response) => {
    if (request.headers.authorization === `Bearer t${valid}`) return false;
    return challenge(response, 'Bearer realm="https://auth.example.com/token"');
  };
  await putImage(client, "v1");
  valid = 10;
  await client.resolve("v1");
});

for (const [what, realm] of [
  ["of somebody else", "https://evil.test/token"],
  ["of somebody else with a similar name", "https://notexample.com/token"],
  ["without encryption", "http://auth.example.com/token"],
  ["that is an address of this machine", "https://127.0.0.1/token"],
  ["that is the cloud's own", "http://169.254.169.254/token"],
  ["with a user in its name", "https://u:p@auth.example.com/token"],
  ["that is a file", "file:///etc/passwd"],
  ["that is no whole address", "/token"],
] as const) {
  test(`sends no password to a token server ${what}`, async (t) => {
    const { client, registry, others } = await world(t, { credentials: async () => login });
    registry.intercept = (_, response) => challenge(response, `Bearer realm="${realm}"`);
    await assert.rejects(client.resolve("v1"), { code: "REGISTRY_REFUSED", where: "registry.example.com" });
    assert.deepEqual(others.log, []);
  });
}

test("the user may name token servers elsewhere", async (t) => {
  const { client, registry, others } = await world(t, {
    credentials: async () => login,
    tokenServers: ["evil.test"],
  });
  others.intercept = (_, response) => json(response, { token: "t" });
  registry.intercept = demand("Bearer t", 'Bearer realm="https://evil.test/token"');
  await putImage(client, "v1");
});

for (const [what, body] of [
  ["an empty token", '{"token":""}'],
  ["a page", "<html>Welcome</html>"],
  ["ten megabytes", `{"token":"${"x".repeat(10_000_000)}"}`],
  ["a token with a line break", '{"token":"a\\r\\nX: y"}'],
] as const) {
  test(`refuses ${what} from a token server`, async (t) => {
    const { client, registry, auth } = await world(t);
    auth.intercept = (_, response) => {
      response.end(body);
      return true;
    };
    registry.intercept = demand("Bearer t", 'Bearer realm="https://auth.example.com/token"');
    await assert.rejects(client.resolve("v1"), { code: "REGISTRY_REFUSED", message: /gave no token/ });
  });
}

test("follows a redirect of a blob to another host, without the login", async (t) => {
  const { client, registry, others } = await world(t, { credentials: async () => login });
  registry.intercept = demand(basic, "Basic");
  const content = await put(client, blobType, "moved");
  others.intercept = (request, response) => {
    assert.equal(request.headers.authorization, undefined);
    assert.equal(request.headers.cookie, undefined);
    response.end("moved");
    return true;
  };
  redirect(registry, "https://evil.test/blob");
  assert.equal((await bytesOf(client, content)).toString(), "moved");
});

for (const [what, location] of [
  ["to an unencrypted place", "http://evil.test/blob"],
  ["to the cloud's own address", "https://169.254.169.254/latest"],
  ["to this machine", "https://127.0.0.1/x"],
  ["to a file", "file:///etc/passwd"],
  ["with a password in it", "https://u:p@evil.test/"],
  ["in circles", "/v2/team/app/blobs/again"],
  ["nowhere", "https://"],
] as const) {
  test(`does not follow a redirect ${what}`, async (t) => {
    const { client, registry, others } = await world(t);
    const content = await put(client, blobType, "x");
    redirect(registry, location);
    await assert.rejects(bytesOf(client, content), { code: "REGISTRY_FAILED", exitCode: 3 });
    assert.deepEqual(others.log, []);
    assert.ok(registry.log.length < 12);
  });
}

test("sends no login to an upload address on another host", async (t) => {
  const { client, registry, others } = await world(t, { credentials: async () => login });
  const content = await put(client, blobType, "already");
  registry.intercept = (request, response) => {
    if (request.headers.authorization !== basic) return challenge(response, "Basic");
    if (request.method !== "POST") return false;
    response.writeHead(202, { location: "https://evil.test/upload" }).end();
    return true;
  };
  others.intercept = async (request, response) => {
    assert.equal(request.headers.authorization, undefined);
    await bodyOf(request);
    response
      .writeHead(request.method === "PATCH" ? 202 : 201, { location: "https://evil.test/upload" })
      .end();
    return true;
  };
  await put(client, blobType, "small");
  await put(client, blobType, manyBytes(2_000_000));
  assert.deepEqual(others.log, ["PUT /upload", "PATCH /upload", "PUT /upload"]);
  assert.ok(await client.has(content));
});

test("a certificate that nobody vouches for is refused, with a hint", async (t) => {
  const { client } = await world(t, { ca: undefined });
  await assert.rejects(client.resolve("v1"), {
    code: "REGISTRY_UNREACHABLE",
    message: /not trusted/,
    hint: /ca:/,
  });
});

test("finds TLS on this machine by itself, when it is spoken there", async (t) => {
  const registry = await startSmallRegistry(t, { tls: await makeCertificate(["127.0.0.1"]) });
  const client = new RegistryClient({
    domain: registry.domain,
    repository: "x",
    retry: { attempts: 1, delay: 1 },
  });
  t.after(() => client.close());
  await assert.rejects(client.resolve("v1"), { code: "REGISTRY_UNREACHABLE", message: /certificate/ });
});

test("a registry that speaks no TLS is told apart", async (t) => {
  const registry = await startSmallRegistry(t);
  const client = new RegistryClient({
    domain: registry.domain,
    repository: "x",
    plainHttp: false,
    retry: { attempts: 1, delay: 1 },
  });
  t.after(() => client.close());
  await assert.rejects(client.resolve("v1"), { code: "REGISTRY_UNREACHABLE", hint: /plainHttp/ });
});

test("goes through the proxy that is set, except where none is wanted", async (t) => {
  const proxy = await startSmallRegistry(t);
  const url = `http://${proxy.domain}`;
  const env = { http_proxy: url, HTTPS_PROXY: url, NO_PROXY: "direct.invalid" };
  const ask = (domain: string) => {
    const options = { plainHttp: true, proxy: env, retry: { attempts: 1, delay: 1 } };
    const client = new RegistryClient({ domain, repository: "x", ...options });
    t.after(() => client.close());
    return client.resolve("v1");
  };
  await assert.rejects(ask("registry.invalid"), { code: "IMAGE_NOT_FOUND" });
  assert.deepEqual(
    proxy.requests.map(({ url }) => url),
    ["http://registry.invalid/v2/x/manifests/v1"],
  );
  for (const domain of ["direct.invalid", "127.0.0.1:1"]) {
    await assert.rejects(ask(domain), { code: "REGISTRY_UNREACHABLE" });
  }
  assert.equal(proxy.requests.length, 1);
});

test("shows its certificate to the registry alone", async (t) => {
  const own = await makeCertificate(["client"]);
  const { client, registry, others } = await world(
    t,
    { clientCertificate: own },
    { requestCert: true, ca: own.cert },
  );
  const subjects: unknown[] = [];
  const note = (request: IncomingMessage) => {
    subjects.push((request.socket as TLSSocket).getPeerCertificate().subject?.CN);
    return false;
  };
  const content = await put(client, blobType, "moved");
  registry.intercept = (request, response) => {
    note(request);
    response.writeHead(307, { location: "https://evil.test/blob" }).end();
    return true;
  };
  others.intercept = (request, response) => {
    note(request);
    response.end("moved");
    return true;
  };
  await bytesOf(client, content);
  assert.deepEqual(subjects, ["client", undefined]);
});

/** `registry.example.com` with its `auth.example.com`; every other name leads to `others`. All of them speak TLS. */
async function world(
  t: TestContext,
  options: Partial<RegistryClientOptions> = {},
  server: { readonly requestCert?: boolean; readonly ca?: string } = {},
) {
  const tls = await makeCertificate([
    "registry.example.com",
    "auth.example.com",
    "evil.test",
    "notexample.com",
  ]);
  const start = () => startSmallRegistry(t, { tls: { ...tls, rejectUnauthorized: false, ...server } });
  const [registry, auth, others] = await Promise.all([start(), start(), start()]);
  const servers: Record<string, SmallRegistry> = {
    "registry.example.com": registry,
    "auth.example.com": auth,
  };
  const client = new RegistryClient({
    domain: "registry.example.com",
    repository: "team/app",
    ca: tls.cert,
    retry: { attempts: 2, delay: 1 },
    connect: async (host) => connect(Number((servers[host] ?? others).domain.split(":")[1]), "127.0.0.1"),
    ...options,
  });
  t.after(() => client.close());
  return { client, registry, auth, others };
}

function demand(authorization: string, header: string) {
  return (request: IncomingMessage, response: ServerResponse) =>
    request.headers.authorization === authorization ? false : challenge(response, header);
}

function challenge(response: ServerResponse, header: string): boolean {
  response.writeHead(401, { "www-authenticate": header }).end();
  return true;
}

function json(response: ServerResponse, value: unknown): boolean {
  response.end(JSON.stringify(value));
  return true;
}

function redirect(registry: SmallRegistry, location: string): void {
  registry.intercept = (request, response) => {
    if (request.method !== "GET") return false;
    response.writeHead(307, { location }).end();
    return true;
  };
}
