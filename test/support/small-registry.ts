import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type ServerOptions } from "node:https";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import { digestOf } from "#oci";

/** True when the answer has been given. */
type Intercept = (request: IncomingMessage, response: ServerResponse, url: URL) => boolean | Promise<boolean>;

export interface SmallRegistry {
  /** `127.0.0.1:port` */
  readonly domain: string;
  readonly blobs: Map<string, Buffer>;
  readonly manifests: Map<string, { readonly type: string; readonly bytes: Buffer }>;
  /** `METHOD path` of each request, in order. */
  readonly log: string[];
  readonly requests: IncomingMessage[];
  /** Looked at before each request is served: for logins, redirects and faults. */
  intercept: Intercept | undefined;
}

interface SmallUpload {
  readonly parts: Buffer[];
  /** Settles when the last request that brought bytes has ended, whole or broken. */
  received: Promise<void>;
}

/** A registry for one test: small, in memory, and as faulty as the test wants it. */
export async function startSmallRegistry(
  t: TestContext,
  options: { readonly tls?: ServerOptions } = {},
): Promise<SmallRegistry> {
  const uploads = new Map<string, SmallUpload>();
  const registry: Omit<SmallRegistry, "domain"> = {
    blobs: new Map(),
    manifests: new Map(),
    log: [],
    requests: [],
    intercept: undefined,
  };
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url ?? "/", "http://registry");
    registry.log.push(`${request.method} ${url.pathname}`);
    registry.requests.push(request);
    if (await registry.intercept?.(request, response, url)) return;
    await answer(registry, uploads, request, response, url).catch(() => response.destroy());
  };
  const server: Server = options.tls ? createTlsServer(options.tls, serve) : createServer(serve);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return Object.assign(registry, { domain: `127.0.0.1:${(server.address() as AddressInfo).port}` });
}

async function answer(
  { blobs, manifests }: Pick<SmallRegistry, "blobs" | "manifests">,
  uploads: Map<string, SmallUpload>,
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
): Promise<void> {
  const reply = (status: number, headers: Record<string, string | number> = {}, body?: Buffer) => {
    response.writeHead(status, { "content-length": body?.length ?? 0, ...headers });
    response.end(request.method === "HEAD" ? undefined : body);
  };
  const fail = (status: number, code: string) =>
    reply(
      status,
      { "content-type": "application/json" },
      Buffer.from(JSON.stringify({ errors: [{ code }] })),
    );

  if (url.pathname === "/v2/") return reply(200);
  const [, repository, kind = "", rest = ""] =
    /^\/v2\/(.+?)\/(blobs\/uploads|blobs|manifests|tags)\/(.*)$/.exec(url.pathname) ?? [];
  if (!repository) return fail(404, "NAME_UNKNOWN");
  const key = `${repository}/${rest}`;

  switch (`${request.method} ${kind}`) {
    case "GET tags":
      return reply(
        200,
        {},
        Buffer.from(JSON.stringify({ name: repository, tags: tagsOf(manifests, repository) })),
      );
    case "HEAD manifests":
    case "GET manifests": {
      const manifest = manifests.get(key);
      if (!manifest) return fail(404, "MANIFEST_UNKNOWN");
      const headers = { "content-type": manifest.type, "content-length": manifest.bytes.length };
      return reply(200, { ...headers, "docker-content-digest": digestOf(manifest.bytes) }, manifest.bytes);
    }
    case "PUT manifests": {
      const bytes = await bodyOf(request);
      const manifest = { type: request.headers["content-type"] ?? "", bytes };
      if (rest.includes(":") && digestOf(bytes) !== rest) return fail(400, "DIGEST_INVALID");
      manifests.set(`${repository}/${digestOf(bytes)}`, manifest);
      manifests.set(key, manifest);
      return reply(201, { location: url.pathname });
    }
    case "HEAD blobs":
    case "GET blobs": {
      const blob = blobs.get(key);
      if (!blob) return fail(404, "BLOB_UNKNOWN");
      const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
      const part = blob.subarray(from);
      const range = { "content-range": `bytes ${from}-${blob.length - 1}/${blob.length}` };
      return reply(from > 0 ? 206 : 200, { "content-length": part.length, ...(from > 0 ? range : {}) }, part);
    }
    case "POST blobs/uploads": {
      const mounted = blobs.get(`${url.searchParams.get("from")}/${url.searchParams.get("mount")}`);
      if (mounted) {
        blobs.set(`${repository}/${url.searchParams.get("mount")}`, mounted);
        return reply(201, { location: `/v2/${repository}/blobs/${url.searchParams.get("mount")}` });
      }
      const id = randomUUID();
      uploads.set(id, { parts: [], received: Promise.resolve() });
      return reply(202, { location: `/v2/${repository}/blobs/uploads/${id}?state=a%2Bb%3D` });
    }
    case "GET blobs/uploads": {
      const upload = uploads.get(rest);
      if (!upload) return fail(404, "BLOB_UPLOAD_UNKNOWN");
      await upload.received;
      const size = Buffer.concat(upload.parts).length;
      return reply(204, { location: url.pathname, range: `0-${Math.max(0, size - 1)}` });
    }
    case "PATCH blobs/uploads":
    case "PUT blobs/uploads": {
      const upload = uploads.get(rest);
      if (!upload) return fail(404, "BLOB_UPLOAD_UNKNOWN");
      await upload.received;
      const { parts } = upload;
      const start = /^(\d+)-/.exec(request.headers["content-range"] ?? "")?.[1];
      if (start !== undefined && Number(start) !== Buffer.concat(parts).length)
        return fail(416, "RANGE_INVALID");
      const receiving = receive(request, parts);
      upload.received = receiving.catch(() => {});
      await receiving;
      if (request.method === "PATCH") return reply(202, { location: url.pathname });
      const whole = Buffer.concat(parts);
      const digest = url.searchParams.get("digest") ?? "";
      uploads.delete(rest);
      const algorithm = digest.startsWith("sha512:") ? "sha512" : "sha256";
      if (digestOf(whole, algorithm) !== digest) return fail(400, "DIGEST_INVALID");
      blobs.set(`${repository}/${digest}`, whole);
      return reply(201, { location: `/v2/${repository}/blobs/${digest}` });
    }
    case "DELETE blobs/uploads":
      return uploads.delete(rest) ? reply(204) : fail(404, "BLOB_UPLOAD_UNKNOWN");
    default:
      return fail(405, "UNSUPPORTED");
  }
}

async function receive(request: IncomingMessage, parts: Buffer[]): Promise<void> {
  for await (const chunk of request) parts.push(chunk);
}

function tagsOf(manifests: SmallRegistry["manifests"], repository: string): string[] {
  const names = [...manifests.keys()].filter((key) => key.startsWith(`${repository}/`));
  return names.map((key) => key.slice(repository.length + 1)).filter((name) => !name.includes(":"));
}

export async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>));
}
