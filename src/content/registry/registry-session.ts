import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { retry } from "#concurrency";
import { SealerError } from "#errors";
import { Authorizer, type CredentialSource } from "./authorizer.ts";
import { bodyOf, refusedBy, unreachable } from "./failures.ts";
import { BodyError, type DialOptions, HttpDialer } from "./http-dialer.ts";
import { RegistryError } from "./registry-error.ts";
import { isLoopback, mayBeSentTo } from "./trust.ts";

export interface SessionOptions extends DialOptions {
  /** With its port, if any: `docker.io`, `sea.hub:5000`. */
  readonly domain: string;
  /** Undefined: https, and for addresses of this machine whatever is spoken there. */
  readonly plainHttp?: boolean | undefined;
  readonly credentials?: CredentialSource | undefined;
  /** Hosts elsewhere that may be told the credentials for this registry. */
  readonly tokenServers?: readonly string[] | undefined;
  readonly userAgent?: string | undefined;
  /** How often a request is tried, and the first wait in milliseconds. */
  readonly retry?: { readonly attempts: number; readonly delay: number } | undefined;
}

export interface RegistryRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** A path on the registry, or the address that it has given for an upload. */
  readonly to: string | URL;
  /** What is asked for, in the words of messages: `the image library/nginx:1.25`. */
  readonly what: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A stream can be sent only once, so that such a request is not repeated. */
  readonly body?: Buffer | Readable;
  /** What a token must allow: `repository:library/nginx:pull`. */
  readonly scopes: readonly string[];
  /** Other answers than 2xx that the caller understands. */
  readonly accept?: readonly number[];
  readonly signal?: AbortSignal | undefined;
}

export interface RegistryAnswer {
  readonly response: IncomingMessage;
  readonly status: number;
  /** Where the answer came from, after redirects. */
  readonly url: URL;
}

const mostRedirects = 5;

/** Requests to one registry: logged in, redirected and repeated as it asks, and explained where they fail. */
export class RegistrySession {
  readonly domain: string;
  readonly #options: SessionOptions;
  readonly #dialer: HttpDialer;
  /** For hosts that a registry sends us to: they are not shown our certificate. */
  readonly #foreign: HttpDialer;
  readonly #authorizer: Authorizer;
  readonly #userAgent: string;
  #base: Promise<URL> | undefined;

  constructor(options: SessionOptions) {
    this.domain = options.domain;
    this.#options = options;
    this.#userAgent = options.userAgent ?? "sealer";
    const host = URL.parse(`http://${options.domain}`)?.hostname ?? "";
    const proxy = isLoopback(host) ? undefined : options.proxy;
    this.#dialer = new HttpDialer({ ...options, proxy });
    this.#foreign = new HttpDialer({ ...options, proxy, clientCertificate: undefined });
    this.#authorizer = new Authorizer({ ...options, dialer: this.#foreign, userAgent: this.#userAgent });
  }

  request(request: RegistryRequest): Promise<RegistryAnswer> {
    const once = request.body instanceof Readable;
    const { attempts, delay } = this.#options.retry ?? { attempts: 4, delay: 400 };
    return retry(() => this.#authorized(request), {
      attempts: once ? 1 : attempts,
      delay,
      signal: request.signal,
      worthRetrying: (error) =>
        error instanceof RegistryError && error.transient && (error.retryAfter ?? true),
    });
  }

  close(): void {
    this.#dialer.close();
    this.#foreign.close();
  }

  /** The address of the registry itself. */
  base(signal?: AbortSignal): Promise<URL> {
    this.#base ??= this.#findBase(signal).catch((error) => {
      this.#base = undefined;
      throw error;
    });
    return this.#base;
  }

  async #authorized(request: RegistryRequest): Promise<RegistryAnswer> {
    const base = await this.base(request.signal);
    for (let attempt = 1; ; attempt++) {
      const header = this.#authorizer.header;
      const answer = await this.#redirected(base, request, header);
      if (answer.status === 401 && isSameOrigin(answer.url, base) && attempt <= 2) {
        const { response } = answer;
        const challenges = response.headers["www-authenticate"] ?? "";
        await bodyOf(response, 65_536).catch(() => {});
        const renewedMeanwhile = this.#authorizer.header !== header;
        if (!renewedMeanwhile)
          await this.#authorizer.answer(base, challenges, request.scopes, request.signal);
        if (request.body instanceof Readable) throw this.#tokenExpired(request);
        continue;
      }
      const { status, response } = answer;
      if ((status >= 200 && status < 300) || request.accept?.includes(status)) return answer;
      throw await refusedBy(this.domain, request.what, response);
    }
  }

  async #redirected(base: URL, request: RegistryRequest, authorization: string | undefined) {
    let url = new URL(request.to, base);
    for (let hops = 0; ; hops++) {
      const isHome = isSameOrigin(url, base);
      if (!isHome) this.#mustBeAllowed(base, url);
      const headers: Record<string, string> = { "user-agent": this.#userAgent, ...request.headers };
      if (request.body instanceof Buffer) headers["content-length"] = String(request.body.length);
      else if (!request.body && /^P/.test(request.method)) headers["content-length"] = "0";
      if (isHome && authorization !== undefined) headers.authorization = authorization;
      const response = await this.#send(isHome, { ...request, url, headers });
      const status = response.statusCode ?? 0;
      const location = isRedirect(status) ? response.headers.location : undefined;
      if (location === undefined || request.body instanceof Readable) return { response, status, url };
      await bodyOf(response, 65_536).catch(() => response.destroy());
      const next = URL.parse(location, url);
      if (!next) throw this.#badRedirect(`to "${location.slice(0, 200)}", which is no address`);
      if (hops >= mostRedirects) throw this.#badRedirect("again and again");
      url = next;
    }
  }

  async #send(isHome: boolean, request: Parameters<HttpDialer["send"]>[0]): Promise<IncomingMessage> {
    try {
      return await (isHome ? this.#dialer : this.#foreign).send(request);
    } catch (error) {
      if (request.signal?.aborted) throw request.signal.reason;
      if (error instanceof BodyError) throw error.cause;
      const { host } = request.url;
      throw unreachable(isHome ? this.domain : `${host}, where ${this.domain} sends to`, error);
    }
  }

  #mustBeAllowed(base: URL, url: URL): void {
    if (url.protocol === "http:" && base.protocol === "https:") {
      throw this.#badRedirect(`to ${url.origin}, which is not encrypted`);
    }
    const isWeb = /^https?:$/.test(url.protocol) && url.username === "" && url.password === "";
    if (!isWeb || !mayBeSentTo(base, url)) {
      throw this.#badRedirect(`to ${url.protocol}//${url.host}, where it must not send anybody`);
    }
  }

  async #findBase(signal: AbortSignal | undefined): Promise<URL> {
    const { domain, plainHttp, ca } = this.#options;
    const host = domain === "docker.io" ? "registry-1.docker.io" : domain;
    const [http, https] = [URL.parse(`http://${host}/`), URL.parse(`https://${host}/`)];
    if (!http || !https || http.pathname !== "/") {
      throw new SealerError("REFERENCE_INVALID", `"${domain}" is not the domain of a registry`);
    }
    if (plainHttp) return http;
    if (plainHttp === false || ca !== undefined || !isLoopback(http.hostname)) return https;
    return (await this.#speaksHttp(http, signal)) ? http : https;
  }

  /** Servers that expect TLS answer 400 with a word about it, or break the connection. */
  async #speaksHttp(url: URL, signal: AbortSignal | undefined): Promise<boolean> {
    try {
      const headers = { "user-agent": this.#userAgent };
      const response = await this.#dialer.send({ method: "GET", url: new URL("/v2/", url), headers, signal });
      const body = await bodyOf(response, 65_536).catch(() => Buffer.alloc(0));
      return !(response.statusCode === 400 && /https/i.test(body.toString()));
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      if ((error as NodeJS.ErrnoException).code === "ECONNREFUSED") throw unreachable(this.domain, error);
      return false;
    }
  }

  #tokenExpired({ what }: RegistryRequest): RegistryError {
    const message = `${this.domain} asked for a new login in the middle of ${what}`;
    return new RegistryError("REGISTRY_REFUSED", message, {
      where: this.domain,
      transient: true,
      status: 401,
    });
  }

  #badRedirect(why: string): RegistryError {
    return new RegistryError("REGISTRY_FAILED", `${this.domain} sends ${why}`, {
      where: this.domain,
      hint: "Check how the registry and the proxies before it are set up.",
    });
  }
}

export function isSameOrigin(a: URL, b: URL): boolean {
  return a.protocol === b.protocol && a.host === b.host;
}

function isRedirect(status: number): boolean {
  return [301, 302, 303, 307, 308].includes(status);
}
