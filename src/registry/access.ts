import type { IncomingMessage } from "node:http";
import { jsonReply, type Reply } from "./call.ts";
import { Htpasswd } from "./htpasswd.ts";
import type { Action } from "./policy.ts";
import type { AuthConfig } from "./registry-config.ts";
import { RegistryError } from "./registry-error.ts";
import { Tokens } from "./tokens.ts";

/** Who may do what. */
export interface Access {
  /**
   * The user that a request comes from; undefined for one who is let in without a name.
   * @throws RegistryError UNAUTHORIZED
   */
  admit(request: IncomingMessage, action: Action, origin: string): Promise<string | undefined>;
  /** Answers at `tokenPath`; undefined where there are no tokens. */
  token?(request: IncomingMessage): Promise<Reply>;
}

/** Where clients fetch tokens from, once a reply has told them to. */
export const tokenPath = "/auth/token";

/** @throws FILE_NOT_FOUND, FILE_INVALID */
export async function openAccess(auth: AuthConfig | undefined, now: () => number): Promise<Access> {
  if (!auth) return { admit: async () => undefined };
  const users = await Htpasswd.open(auth.path);
  return auth.anonymous === "pull" ? anonymousPull(users, auth, new Tokens(now)) : loginOnly(users, auth);
}

function loginOnly(users: Htpasswd, { realm }: AuthConfig): Access {
  return {
    async admit(request) {
      const user = await basicUser(request, users);
      if (user === undefined) throw unauthorized(`Basic realm="${realm}"`);
      return user;
    },
  };
}

/**
 * Reading needs no name. Docker and skopeo learn only from `/v2/` whether they shall log in, and would never do so
 * where that answers 200, nor pull without a name where it asks for Basic. So it asks for a token, as Docker Hub does:
 * those are given to everybody, and say who has logged in.
 */
function anonymousPull(users: Htpasswd, { realm }: AuthConfig, tokens: Tokens): Access {
  return {
    async admit(request, { kind, scope }, origin) {
      const visitor = await visitorOf(request, users, tokens);
      if (visitor.kind === "user") return visitor.name;
      const reading = kind === "pull" && visitor.kind !== "refused";
      const greeting = kind === "ping" && visitor.kind === "anonymous";
      if (reading || greeting) return undefined;
      const about = scope ? `,scope="${scope}"` : "";
      throw unauthorized(`Bearer realm="${origin}${tokenPath}",service="${realm}"${about}`);
    },
    async token(request) {
      const user = await basicUser(request, users);
      if (user === undefined && authorizationOf(request) !== undefined) {
        throw unauthorized(`Basic realm="${realm}"`);
      }
      const { token, expires_in, issued_at } = tokens.issue(user);
      const answer = { token, access_token: token, expires_in, issued_at };
      return jsonReply(200, answer, { "Cache-Control": "no-store" });
    },
  };
}

type Visitor =
  | { readonly kind: "user"; readonly name: string }
  /** Has a token that was given to nobody in particular. */
  | { readonly kind: "anonymous" }
  /** Has sent no credentials at all. */
  | { readonly kind: "unknown" }
  | { readonly kind: "refused" };

async function visitorOf(request: IncomingMessage, users: Htpasswd, tokens: Tokens): Promise<Visitor> {
  const authorization = authorizationOf(request);
  if (authorization === undefined) return { kind: "unknown" };
  const bearer = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
  const claim = bearer === undefined ? undefined : tokens.read(bearer);
  if (claim && claim.user === undefined) return { kind: "anonymous" };
  const name = claim ? claim.user : await basicUser(request, users);
  return name !== undefined && (await users.has(name)) ? { kind: "user", name } : { kind: "refused" };
}

/** The user whose name and password a request carries, if they are right. */
async function basicUser(request: IncomingMessage, users: Htpasswd): Promise<string | undefined> {
  const encoded = /^Basic +([A-Za-z0-9+/=_-]+)$/i.exec(authorizationOf(request) ?? "")?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, "base64").toString("utf8");
  const colon = text.indexOf(":");
  if (colon < 1) return undefined;
  const [user, password] = [text.slice(0, colon), text.slice(colon + 1)];
  return (await users.check(user, password)) ? user : undefined;
}

function authorizationOf(request: IncomingMessage): string | undefined {
  const given = request.headersDistinct.authorization ?? [];
  if (given.length > 1) {
    throw new RegistryError("UNAUTHORIZED", "there are several Authorization headers", { status: 400 });
  }
  return given[0];
}

function unauthorized(challenge: string): RegistryError {
  return new RegistryError("UNAUTHORIZED", "a login is needed, or the one given is wrong", {
    headers: { "WWW-Authenticate": challenge },
  });
}
