import http, { type IncomingMessage } from "node:http";
import https from "node:https";
import { isIP } from "node:net";
import { type Duplex, pipeline, Readable } from "node:stream";
import tls from "node:tls";

export interface DialOptions {
  /** Certificates (PEM) to trust: besides the machine's own, and alone where `connect` is given. */
  readonly ca?: string | undefined;
  readonly clientCertificate?: { readonly cert: string; readonly key: string } | undefined;
  /** How to reach a host, in the place of a TCP connection of our own. */
  readonly connect?: ((host: string, port: number) => Promise<Duplex>) | undefined;
  /** `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`, in either case. */
  readonly proxy?: Readonly<Record<string, string | undefined>> | undefined;
}

export interface DialRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer | Readable | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The bytes to send stopped coming; `cause` says why. */
export class BodyError extends Error {}

const connectWithin = 15_000;
const idleAtMost = { reading: 60_000, writing: 300_000 };

/** HTTP and HTTPS over connections that are kept. Any answer is a success here; redirects are not followed. */
export class HttpDialer {
  readonly #options: DialOptions;
  readonly #keep: http.AgentOptions;
  readonly #http: http.Agent;
  #https: https.Agent | undefined;

  constructor(options: DialOptions) {
    const { connect, proxy } = options;
    this.#options = options;
    this.#keep = { keepAlive: true, ...(proxy && !connect ? { proxyEnv: { ...proxy } } : {}) };
    this.#http = new http.Agent(this.#keep);
    if (connect) this.#http.createConnection = dialBy(connect, likeSocket);
  }

  send({ method, url, headers, body, signal }: DialRequest): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const request = (url.protocol === "https:" ? https : http).request(url, {
      method,
      headers,
      agent: url.protocol === "https:" ? this.#secureAgent() : this.#http,
      ...(signal ? { signal } : {}),
    });
    const fail = (error: unknown) => reject(signal?.aborted ? signal.reason : error);
    request.on("error", fail);
    request.once("response", resolve);
    request.once("socket", (socket) => {
      if (!socket.connecting) return;
      const late = setTimeout(() => request.destroy(timeout("no connection", connectWithin)), connectWithin);
      for (const event of ["connect", "close"]) socket.once(event, () => clearTimeout(late));
    });
    const idle = body instanceof Readable || method !== "GET" ? idleAtMost.writing : idleAtMost.reading;
    request.setTimeout(idle, () => request.destroy(timeout("nothing came", idle)));
    if (body instanceof Readable) {
      body.once("error", (cause) => {
        if (!request.destroyed) reject(new BodyError("the bytes to send stopped", { cause }));
      });
      pipeline(body, request, (error) => error && fail(error));
    } else {
      request.end(body);
    }
    return promise;
  }

  /** Gives up the connections that are kept. */
  close(): void {
    this.#http.destroy();
    this.#https?.destroy();
  }

  #secureAgent(): https.Agent {
    this.#https ??= makeSecureAgent(this.#options, this.#keep);
    return this.#https;
  }
}

/** What an agent calls for each connection. */
function dialBy(
  connect: NonNullable<DialOptions["connect"]>,
  wrap: (socket: Duplex, host: string) => Duplex,
) {
  return (options: object, made?: (error: Error | null, stream: Duplex) => void): undefined => {
    const { host = "", port } = options as { host?: string; port?: number | string };
    connect(host, Number(port)).then(
      (socket) => made?.(null, wrap(socket, host)),
      (error) => made?.(error, undefined as never),
    );
  };
}

function makeSecureAgent(options: DialOptions, keep: http.AgentOptions): https.Agent {
  const secureContext = secureContextFor(options);
  const agent = new https.Agent({ ...keep, secureContext });
  const secure = (socket: Duplex, host: string) =>
    tls.connect({ secureContext, socket, ...(isIP(host) ? { host } : { servername: host }) });
  if (options.connect) agent.createConnection = dialBy(options.connect, secure);
  return agent;
}

function secureContextFor({ ca, clientCertificate, connect }: DialOptions): tls.SecureContext {
  if (ca === undefined && !clientCertificate) return usualContext();
  const trusted = ca === undefined ? usualCertificates() : connect ? [ca] : [...usualCertificates(), ca];
  return tls.createSecureContext({ ca: trusted, ...clientCertificate });
}

/** Reading hundreds of certificates takes a tenth of a second: not before they are needed, and not twice. */
const usualContext = once(() => tls.createSecureContext({ ca: usualCertificates() }));

/** Node's, those of NODE_EXTRA_CA_CERTS, and the machine's (SSL_CERT_FILE, SSL_CERT_DIR). */
function usualCertificates(): string[] {
  return [...new Set([...tls.getCACertificates("default"), ...tls.getCACertificates("system")])];
}

function once<Value extends object>(make: () => Value): () => Value {
  let made: Value | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** What agents ask of a socket and other streams (an SSH channel) lack. */
function likeSocket(stream: Duplex): Duplex {
  const nothing = () => stream;
  for (const name of ["setKeepAlive", "setNoDelay", "setTimeout", "ref", "unref"]) {
    if (!(name in stream)) Object.assign(stream, { [name]: nothing });
  }
  if (!("destroySoon" in stream)) Object.assign(stream, { destroySoon: () => stream.destroy() });
  return stream;
}

function timeout(what: string, milliseconds: number): Error {
  return Object.assign(new Error(`${what} for ${milliseconds / 1000} seconds`), { code: "ETIMEDOUT" });
}
