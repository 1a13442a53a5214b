import { readFile } from "node:fs/promises";
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createHttpsServer, type ServerOptions as HttpsOptions } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { SealerError } from "#errors";
import { openAccess } from "./access.ts";
import { createRegistry } from "./create-registry.ts";
import { FileStorage } from "./file-storage.ts";
import { createLog } from "./log.ts";
import { Metrics } from "./metrics.ts";
import type { ListenAddress, RegistryConfig, TlsConfig } from "./registry-config.ts";
import { Repositories } from "./repositories.ts";
import { purgeUploads, watchFolder } from "./upkeep.ts";

export interface RunningRegistry {
  /** As clients write them, `http://127.0.0.1:5000`; the debug address last, if there is one. */
  readonly addresses: readonly string[];
  /** Takes no new requests, lets those that run come to their end, cuts what is left when the drain time is over. */
  close(): Promise<void>;
  /** Settles when it has been closed, also by the signal. */
  readonly closed: Promise<void>;
}

/**
 * Serves a folder over HTTP or HTTPS until it is closed or the signal aborts.
 * @param write takes lines of the log
 * @throws CONFIG_INVALID, FILE_NOT_FOUND, FILE_INVALID
 */
export async function startRegistry(
  config: RegistryConfig,
  { signal, write }: { readonly signal?: AbortSignal | undefined; readonly write: (line: string) => void },
): Promise<RunningRegistry> {
  const log = createLog(config.log, write);
  const storage = new FileStorage(config.rootDirectory);
  const access = await openAccess(config.auth, Date.now);
  const folder = await watchFolder(config.rootDirectory, config.health, log);
  const metrics = new Metrics();
  const handler = createRegistry({
    storage,
    config,
    access,
    problem: folder.problem,
    log: {
      ...log,
      access(entry) {
        metrics.count(entry);
        log.access(entry);
      },
    },
  });
  const purge = purgeUploads(
    new Repositories(storage, config.searchOrder),
    storage,
    config.uploadPurging,
    log,
  );

  const servers: Server[] = [];
  const closed = Promise.withResolvers<void>();
  const close = async () => {
    purge.stop();
    folder.stop();
    await Promise.all(servers.map((server) => stop(server, config.http.drainTimeout)));
    closed.resolve();
  };
  try {
    servers.push(await listen(await serverFor(config.http.tls, handler), config.http.address));
    if (config.http.debug) {
      const debug = createHttpServer(metrics.listener(config.http.debug.metricsPath, folder.problem));
      servers.push(await listen(debug, config.http.debug.address));
    }
  } catch (error) {
    await close();
    throw error;
  }
  if (signal?.aborted) await close();
  signal?.addEventListener("abort", close, { once: true });
  const scheme = config.http.tls ? "https" : "http";
  const addresses = servers.map((server, i) => `${i === 0 ? scheme : "http"}://${addressOf(server)}`);
  log.info("registry is listening", { address: addresses[0], folder: config.rootDirectory });
  return { addresses, close, closed: closed.promise };
}

async function serverFor(tls: TlsConfig | undefined, handler: RequestListener): Promise<Server> {
  const limits = {
    headersTimeout: 30_000,
    // A layer of many gigabytes may take its time: what counts is that bytes keep coming (`receiveTimeout`).
    requestTimeout: 0,
    keepAliveTimeout: 75_000,
    connectionsCheckingInterval: 5000,
    highWaterMark: 256 << 10,
    noDelay: true,
  };
  const server = tls
    ? createHttpsServer({ ...limits, ...(await readTls(tls)) }, handler)
    : createHttpServer(limits, handler);
  limitConnections(server);
  endIdleRequests(server);
  return server;
}

async function readTls({ certificate, key, clientCas, minimum }: TlsConfig): Promise<HttpsOptions> {
  const read = async (path: string, where: string) => {
    try {
      return await readFile(path);
    } catch (cause) {
      throw new SealerError("FILE_NOT_FOUND", `cannot read ${path}: ${(cause as Error).message}`, {
        where,
        cause,
      });
    }
  };
  return {
    cert: await read(certificate, "http.tls.certificate"),
    key: await read(key, "http.tls.key"),
    minVersion: minimum,
    ...(clientCas.length > 0
      ? {
          ca: await Promise.all(clientCas.map((path) => read(path, "http.tls.clientcas"))),
          requestCert: true,
          rejectUnauthorized: true,
        }
      : {}),
  };
}

/** One machine cannot take all the connections there are. */
function limitConnections(server: Server): void {
  const open = new Map<string, number>();
  server.on("connection", (socket: Socket) => {
    const from = socket.remoteAddress ?? "";
    const count = (open.get(from) ?? 0) + 1;
    open.set(from, count);
    socket.once("close", () => {
      const left = (open.get(from) ?? 1) - 1;
      if (left === 0) open.delete(from);
      else open.set(from, left);
    });
    if (count > connectionsPerAddress) socket.destroy();
  });
}

/**
 * A client that has stopped sending its request is told so and let go; one that does not take the reply gets longer,
 * since it may be busy with what it has; and where the registry itself is at work, for instance hashing a large upload,
 * the client waits.
 */
function endIdleRequests(server: Server): void {
  const running = new WeakMap<Socket, { request: IncomingMessage; response: ServerResponse }>();
  server.prependListener("request", (request, response) =>
    running.set(request.socket, { request, response }),
  );
  server.setTimeout(receiveTimeout, (socket: Socket) => {
    const { request, response } = running.get(socket) ?? {};
    const sending = response?.headersSent && !response.writableFinished;
    const working = request?.complete && response && !response.headersSent;
    if (working || (sending && socket.timeout !== sendTimeout)) {
      socket.setTimeout(working ? receiveTimeout : sendTimeout);
      return;
    }
    if (!sending) {
      socket.end("HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    }
    setTimeout(() => socket.destroy(), 1000).unref();
  });
}

async function listen(server: Server, { host, port }: ListenAddress): Promise<Server> {
  const where = `${host ?? ""}:${port}`;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const taken = cause.code === "EADDRINUSE";
      const message = taken ? `${where} is in use already` : `cannot listen on ${where}: ${cause.message}`;
      const hint = taken ? "Stop what listens there, or choose another http.addr." : undefined;
      reject(new SealerError("CONFIG_INVALID", message, { where: "http.addr", hint, cause }));
    });
    server.listen({ port, ...(host === undefined ? {} : { host }), backlog: 1024 }, resolve);
  });
  return server;
}

async function stop(server: Server, drainTimeout: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), drainTimeout);
  // Connections that were busy become idle one by one, and would stay open for the next request.
  const sweep = setInterval(() => server.closeIdleConnections(), 100);
  await closed;
  clearTimeout(timer);
  clearInterval(sweep);
}

function addressOf(server: Server): string {
  const { address, family, port } = server.address() as AddressInfo;
  const host = address === "::" || address === "0.0.0.0" ? "localhost" : address;
  return `${family === "IPv6" && host !== "localhost" ? `[${host}]` : host}:${port}`;
}

const receiveTimeout = 30_000;
const sendTimeout = 300_000;
const connectionsPerAddress = 512;
