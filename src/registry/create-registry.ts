import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { SealerError } from "#errors";
import { type Access, tokenPath } from "./access.ts";
import { deleteBlob, getBlob } from "./blobs.ts";
import { type Call, jsonReply, type Reply } from "./call.ts";
import { listCatalog, listReferrers, listTags } from "./listings.ts";
import type { RegistryLog } from "./log.ts";
import { deleteManifest, getManifest, putManifest } from "./manifests.ts";
import { domainFolder, isNamespace, type NameRequest } from "./names.ts";
import { actionOf, checkPolicy } from "./policy.ts";
import type { RegistryConfig } from "./registry-config.ts";
import { RegistryError } from "./registry-error.ts";
import { Repositories } from "./repositories.ts";
import { matchRoute, type Route } from "./routes.ts";
import { sendReply } from "./send-reply.ts";
import type { RegistryStorage } from "./storage.ts";
import { appendToUpload, cancelUpload, finishUpload, startUpload, uploadStatus } from "./uploads.ts";

export interface RegistryParts {
  readonly storage: RegistryStorage;
  readonly config: Pick<RegistryConfig, "deleteEnabled" | "readOnly" | "searchOrder" | "http">;
  readonly access: Access;
  readonly log: RegistryLog;
  /** Why the registry cannot work just now; undefined while it can. */
  problem?(): string | undefined;
}

/** The OCI distribution API over a storage, as a listener for node:http. */
export function createRegistry(parts: RegistryParts): RequestListener {
  const { storage, config, access, log } = parts;
  const repositories = new Repositories(storage, config.searchOrder);
  const busyUploads = new Set<string>();
  const verified = new Set<string>();

  return async (request, response) => {
    const started = performance.now();
    let user: string | undefined;
    let status = 499;
    let bytes = 0;
    try {
      const reply = await answer(request).catch((error: unknown) => errorReply(error, log));
      status = reply.status;
      setCommonHeaders(response, config);
      bytes = await sendReply(request, response, reply, verified);
    } catch (error) {
      response.destroy();
      log.error("reply broken off", { path: request.url, error: String(error) });
    } finally {
      dropRest(request);
      const milliseconds = Math.round((performance.now() - started) * 10) / 10;
      log.access({ request, status, bytes, milliseconds, user });
    }

    async function answer(request: IncomingMessage): Promise<Reply> {
      const url = urlOf(request);
      if (url.pathname === "/healthz" || url.pathname === "/") return health(parts.problem?.());
      const origin = originOf(request, config.http.origin);
      if (url.pathname === tokenPath && access.token && request.method === "GET")
        return access.token(request);
      const route = matchRoute(url.pathname);
      if (!route) throw new RegistryError("NAME_UNKNOWN", "there is nothing at this path", { status: 404 });
      const action = actionOf(route, request.method ?? "GET");
      user = await access.admit(request, action, origin);
      checkPolicy(action, config);
      const problem = parts.problem?.();
      if (problem) throw new RegistryError("DENIED", problem, { status: 503 });
      return handle(route, request, url, origin);
    }
  };

  function handle(route: Route, request: IncomingMessage, url: URL, origin: string): Reply | Promise<Reply> {
    const { searchParams: query } = url;
    if (route.kind === "ping") return jsonReply(200, {});
    if (route.kind === "catalog") return listCatalog(repositories, query);
    const name: NameRequest = {
      path: route.name,
      domain: namespaceOf(query),
      ownDomains: ownDomains(request, origin),
    };
    const prefix = config.http.origin ?? "";
    const call: Call = {
      request,
      query,
      name,
      repository: repositories.at(name),
      repositories,
      busyUploads,
      location: (rest, extra = {}) => {
        const kept = new URLSearchParams({ ...(name.domain ? { ns: name.domain } : {}), ...extra });
        return `${prefix}/v2/${route.name}/${rest}${kept.size > 0 ? `?${kept}` : ""}`;
      },
    };
    return dispatch(route, call);
  }
}

/** The method has been checked against the route by `actionOf`. */
function dispatch(route: Exclude<Route, { kind: "ping" | "catalog" }>, call: Call): Reply | Promise<Reply> {
  const { method } = call.request;
  switch (route.kind) {
    case "tags":
      return listTags(call);
    case "referrers":
      return listReferrers(call, route.digest);
    case "blob":
      return method === "DELETE" ? deleteBlob(call, route.digest) : getBlob(call, route.digest);
    case "manifest":
      if (method === "PUT") return putManifest(call, route);
      return method === "DELETE" ? deleteManifest(call, route) : getManifest(call, route);
    case "uploads":
      return startUpload(call);
    case "upload":
      if (method === "PATCH") return appendToUpload(call, route.id);
      if (method === "PUT") return finishUpload(call, route.id);
      return method === "DELETE" ? cancelUpload(call, route.id) : uploadStatus(call, route.id);
  }
}

function urlOf(request: IncomingMessage): URL {
  const target = request.url ?? "/";
  // Not `new URL(target)`: that would resolve `..`, and take `//host` for an authority.
  const [path = "/", query = ""] = target.split(/\?(.*)/s);
  const url = new URL("http://registry/");
  url.search = query;
  return Object.defineProperty(url, "pathname", { value: path });
}

/** Scheme and authority by which the client reached this registry: by its own word, which nobody else gets to see. */
function originOf(request: IncomingMessage, configured: string | undefined): string {
  if (configured) return configured;
  const host = request.headers.host ?? "";
  const scheme = "encrypted" in request.socket ? "https" : "http";
  return `${scheme}://${/^[A-Za-z0-9.:[\]-]+$/.test(host) ? host : "localhost"}`;
}

function ownDomains(request: IncomingMessage, origin: string): string[] {
  return [request.headers.host ?? "", origin.slice(origin.indexOf("://") + 3)].filter(Boolean);
}

/** The domain that containerd names as `?ns=` when it asks a mirror. */
function namespaceOf(query: URLSearchParams): string | undefined {
  const domain = query.get("ns");
  if (domain === null || domain === "") return undefined;
  if (isNamespace(domain)) return domain;
  throw new RegistryError("NAME_INVALID", `ns is a domain, not "${domain.slice(0, 100)}"`, {
    detail: { ns: domainFolder(domain.slice(0, 100)) },
  });
}

function setCommonHeaders(response: ServerResponse, { http }: RegistryParts["config"]): void {
  response.setHeader("Docker-Distribution-Api-Version", "registry/2.0");
  response.setHeader("X-Content-Type-Options", "nosniff");
  for (const [name, values] of Object.entries(http.headers)) response.setHeader(name, values);
}

function health(problem: string | undefined): Reply {
  return jsonReply(problem ? 503 : 200, problem ? { status: "failing", problem } : { status: "ok" });
}

function errorReply(error: unknown, log: RegistryLog): Reply {
  const known = knownError(error);
  if (known) {
    const { code, message, detail, status, headers } = known;
    return jsonReply(status, { errors: [{ code, message, detail }] }, headers);
  }
  log.error("request failed", {
    error: error instanceof Error ? (error.stack ?? error.message) : String(error),
  });
  return jsonReply(500, {
    errors: [{ code: "UNKNOWN", message: "the registry failed at this; see its log", detail: null }],
  });
}

function knownError(error: unknown): RegistryError | undefined {
  if (error instanceof RegistryError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  if (error instanceof SealerError && error.code === "DIGEST_MISMATCH") {
    return new RegistryError("DIGEST_INVALID", message);
  }
  if (code === "DISK_FULL" || code === "ENOSPC" || code === "EDQUOT") {
    return new RegistryError("DENIED", "the registry's disk is full", { status: 507 });
  }
  if (code === "ENAMETOOLONG") return new RegistryError("NAME_INVALID", "the name is too long");
  if (code === "ECONNRESET") {
    return new RegistryError("BLOB_UPLOAD_INVALID", "the client broke off", { status: 400 });
  }
  return undefined;
}

/** A body that nobody wanted is read a while, so that the client comes to read the reply; then the line is cut. */
function dropRest(request: IncomingMessage): void {
  if (request.complete || request.destroyed) return;
  request.resume();
  const timer = setTimeout(() => request.destroy(), 2000);
  timer.unref();
  request.once("close", () => clearTimeout(timer));
}
