import { SingleFlight } from "#concurrency";
import { type Challenge, parseChallenges } from "./challenge.ts";
import { bodyOf, refusedBy } from "./failures.ts";
import type { HttpDialer } from "./http-dialer.ts";
import { RegistryError } from "./registry-error.ts";
import { mayBeSentTo, mayHaveCredentials } from "./trust.ts";

export interface Credentials {
  readonly username: string;
  readonly password: string;
  /** A refresh token (OAuth 2) that takes the password's place at token servers. */
  readonly identityToken?: string;
}

export type CredentialSource = () => Promise<Credentials | undefined>;

interface AuthorizerOptions {
  readonly domain: string;
  readonly dialer: HttpDialer;
  readonly credentials?: CredentialSource | undefined;
  readonly tokenServers?: readonly string[] | undefined;
  readonly userAgent: string;
}

/** Answers a registry's challenges: Basic, and Bearer with tokens from the server that the challenge names. */
export class Authorizer {
  readonly #options: AuthorizerOptions;
  readonly #fetching = new SingleFlight<string, string>();
  #header: string | undefined;

  constructor(options: AuthorizerOptions) {
    this.#options = options;
  }

  /** What to send with the next request. */
  get header(): string | undefined {
    return this.#header;
  }

  /** Makes a new header out of a 401. `scopes`: what the request needs, where the challenge does not say. */
  async answer(
    registry: URL,
    challenges: string,
    scopes: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const offered = parseChallenges(challenges);
    const bearer = offered.find(({ scheme, parameters }) => scheme === "bearer" && parameters.has("realm"));
    if (bearer) {
      const asked = new Set(
        [...(bearer.parameters.get("scope")?.split(" ") ?? []), ...scopes].filter(Boolean),
      );
      this.#header = await this.#fetching.run([...asked].join(" "), () =>
        this.#fetchToken(registry, bearer, [...asked], signal),
      );
    } else if (offered.some(({ scheme }) => scheme === "basic")) {
      this.#header = basic(await this.#mustLogIn());
    } else {
      throw this.#refused(`${this.#options.domain} asks for a login that sealer does not know`, {
        hint: "Basic and Bearer are known.",
      });
    }
  }

  async #fetchToken(
    registry: URL,
    { parameters }: Challenge,
    scopes: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<string> {
    const { domain, dialer, credentials, userAgent } = this.#options;
    const login = await credentials?.();
    const realm = this.#checkedRealm(registry, parameters.get("realm") ?? "", login !== undefined);
    const service = parameters.get("service");
    const fields = new URLSearchParams(service === undefined ? [] : [["service", service]]);
    for (const scope of scopes) fields.append("scope", scope);
    const headers = { "user-agent": userAgent, accept: "application/json" };
    const request = login?.identityToken
      ? oauthRequest(realm, fields, login.identityToken, scopes)
      : tokenRequest(realm, fields, login);
    const response = await dialer
      .send({ ...request, headers: { ...headers, ...request.headers }, signal })
      .catch((cause) => {
        if (signal?.aborted) throw cause;
        throw new RegistryError(
          "REGISTRY_UNREACHABLE",
          `cannot reach ${realm.host}, where ${domain} gives out tokens: ${cause.message}`,
          {
            where: realm.host,
            hint: "Check the network and the proxy settings (HTTPS_PROXY, NO_PROXY).",
            cause,
            transient: true,
          },
        );
      });
    if (response.statusCode !== 200) throw await refusedBy(realm.host, `a token for ${domain}`, response);
    try {
      return `Bearer ${tokenIn(await bodyOf(response, 65_536))}`;
    } catch (cause) {
      const why = (cause as Error).message;
      throw this.#refused(`${realm.host} gave no token for ${domain}: ${why}`, { cause });
    }
  }

  #checkedRealm(registry: URL, text: string, withLogin: boolean): URL {
    const realm = URL.parse(text);
    const { domain, tokenServers = [] } = this.#options;
    const odd =
      !realm ||
      !/^https?:$/.test(realm.protocol) ||
      realm.username ||
      realm.password ||
      /[\s\p{C}]/u.test(text);
    if (odd) throw this.#refused(`${domain} names a token server that is no proper address`);
    const trusted = mayHaveCredentials(registry, realm, tokenServers);
    if (withLogin && !trusted) {
      throw this.#refused(`${domain} wants its password sent to ${realm.host}, which is somebody else's`, {
        hint: `If that is right, say so in config.yml: registries: {"${domain}": {tokenServers: [${realm.host}]}}.`,
      });
    }
    const isSafe = trusted || (realm.protocol === "https:" && mayBeSentTo(registry, realm));
    if (!isSafe) throw this.#refused(`${domain} sends to ${realm.origin} for a token, which is not allowed`);
    return realm;
  }

  async #mustLogIn(): Promise<Credentials> {
    const login = await this.#options.credentials?.();
    if (login) return login;
    const { domain } = this.#options;
    throw this.#refused(`${domain} asks for a user and a password`, {
      hint: `Log in first: sealer login ${domain}.`,
    });
  }

  #refused(
    message: string,
    options: { readonly hint?: string; readonly cause?: unknown } = {},
  ): RegistryError {
    return new RegistryError("REGISTRY_REFUSED", message, { where: this.#options.domain, ...options });
  }
}

/** The distribution project's token protocol: a GET with Basic. */
function tokenRequest(realm: URL, fields: URLSearchParams, login: Credentials | undefined) {
  const url = new URL(realm);
  for (const [name, value] of fields) url.searchParams.append(name, value);
  if (login) url.searchParams.append("account", login.username);
  return {
    method: "GET",
    url,
    headers: login ? { authorization: basic(login) } : ({} as Record<string, string>),
  };
}

/** The same as OAuth 2, which is what identity tokens are for. */
function oauthRequest(realm: URL, fields: URLSearchParams, refreshToken: string, scopes: readonly string[]) {
  const form = new URLSearchParams({
    grant_type: "refresh_token",
    client_id: "sealer",
    service: fields.get("service") ?? "",
    scope: scopes.join(" "),
    refresh_token: refreshToken,
  });
  const headers: Record<string, string> = { "content-type": "application/x-www-form-urlencoded" };
  return { method: "POST", url: realm, headers, body: Buffer.from(form.toString()) };
}

function tokenIn(body: Buffer): string {
  const { token, access_token } = parseObject(body);
  const chosen: unknown = token || access_token;
  if (typeof chosen === "string" && /^[\x21-\x7e]+$/.test(chosen)) return chosen;
  throw new Error("there is none in its answer");
}

/** The parser's own message would show what it has read. */
function parseObject(body: Buffer): Record<string, unknown> {
  try {
    return Object(JSON.parse(body.toString()));
  } catch {
    throw new Error("its answer is not JSON");
  }
}

function basic({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}
