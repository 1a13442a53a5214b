import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

/** Short-lived proofs that a client has been here: signed with a key that no one but this process has ever seen. */
export class Tokens {
  readonly #key = randomBytes(32);
  readonly #now: () => number;

  /** @param now milliseconds since 1970 */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** @param user undefined for a client that has not logged in */
  issue(user: string | undefined): { token: string; expires_in: number; issued_at: string } {
    const now = this.#now();
    const claim = Buffer.from(JSON.stringify({ user, until: now + lifetime * 1000 })).toString("base64url");
    return {
      token: `${claim}.${this.#sign(claim)}`,
      expires_in: lifetime,
      issued_at: new Date(now).toISOString(),
    };
  }

  /** Undefined for anything but a token of this process that has not expired. */
  read(token: string): { readonly user: string | undefined } | undefined {
    const [claim = "", signature = "", ...rest] = token.split(".");
    const expected = Buffer.from(this.#sign(claim));
    const given = Buffer.from(signature);
    if (rest.length > 0 || given.length !== expected.length || !timingSafeEqual(given, expected))
      return undefined;
    const { user, until } = JSON.parse(Buffer.from(claim, "base64url").toString("utf8")) as {
      user?: string;
      until: number;
    };
    return until > this.#now() ? { user } : undefined;
  }

  #sign(claim: string): string {
    return createHmac("sha256", this.#key).update(claim).digest("base64url");
  }
}

/** Seconds; clients ask again by themselves. */
const lifetime = 300;
