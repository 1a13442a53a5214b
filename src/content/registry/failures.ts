import type { IncomingMessage } from "node:http";
import { RegistryError } from "./registry-error.ts";

/** No answer came: why, in words, and whether it may be otherwise in a moment. */
export function unreachable(domain: string, error: unknown): RegistryError {
  const { code = "", message } = error as NodeJS.ErrnoException;
  const why =
    reasons[code] ?? (isCertificateError(code) ? `its certificate is not trusted (${message})` : message);
  return new RegistryError("REGISTRY_UNREACHABLE", `cannot reach ${domain}: ${why || code}`, {
    where: domain,
    hint: hintFor(code, domain),
    cause: error,
    transient: !isCertificateError(code) && !lasting.has(code),
  });
}

/** It answered with something else than what was asked for. */
export async function refusedBy(
  domain: string,
  what: string,
  response: IncomingMessage,
): Promise<RegistryError> {
  const status = response.statusCode ?? 0;
  const said = explain(await bodyOf(response, 65_536).catch(() => Buffer.alloc(0)));
  const because = said ? `: ${said}` : "";
  const common = { where: domain, status };
  switch (status) {
    case 401:
    case 403:
      return new RegistryError("REGISTRY_REFUSED", `${domain} refuses ${what} (${status})${because}`, {
        ...common,
        hint: `Log in with a user who may do that: sealer login ${domain}. Some registries say so of names that do not exist, too.`,
      });
    case 404:
      return new RegistryError("IMAGE_NOT_FOUND", `${domain} does not have ${what}${because}`, {
        ...common,
        hint: "Check the name and the tag, and that the image has been pushed there.",
      });
    default: {
      const transient = status === 429 || status === 408 || status >= 500;
      return new RegistryError("REGISTRY_FAILED", `${domain} answered ${status} to ${what}${because}`, {
        ...common,
        hint:
          status === 429
            ? "It limits how often it is asked: wait, or log in."
            : "See the log of the registry.",
        transient: transient && status !== 501 && status !== 507,
        retryAfter: retryAfter(response.headers["retry-after"]),
      });
    }
  }
}

/** @throws when there is more than `limit` */
export async function bodyOf(response: IncomingMessage, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response) {
    length += chunk.length;
    if (length > limit) throw new Error(`the answer is longer than ${limit} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Nobody waits for ever because a server says so. */
const longestWait = 60_000;

function retryAfter(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const wait = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  if (Number.isNaN(wait)) return undefined;
  return Math.min(longestWait, Math.max(0, wait)) + Math.random() * 250;
}

/** The errors of OCI's distribution API (`{errors: [{code, message}]}`), on one line and without control characters. */
function explain(body: Buffer): string {
  let text = "";
  try {
    const { errors } = JSON.parse(body.toString());
    text = errors
      .slice(0, 3)
      .map(({ code, message }: Record<string, unknown>) => message || code)
      .join("; ");
  } catch {
    const start = body.toString("utf8", 0, 200).trim();
    text = start.startsWith("<") ? "" : start;
  }
  return text
    .replace(/\p{C}+/gu, " ")
    .trim()
    .slice(0, 300);
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "it closed the connection",
  EPIPE: "it closed the connection",
  EHOSTUNREACH: "no route to the host",
  ENETUNREACH: "no network",
  ENOTFOUND: "no such host name",
  EAI_AGAIN: "the name server does not answer",
  EPROTO: "it does not speak TLS",
};

const lasting = new Set(["ENOTFOUND", "EPROTO", "ENETUNREACH", "ERR_INVALID_URL"]);

function isCertificateError(code: string): boolean {
  return /CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS_/.test(code);
}

function hintFor(code: string, domain: string): string {
  if (isCertificateError(code)) {
    return `Name its CA in config.yml: registries: {"${domain}": {ca: /path/to/ca.pem}}.`;
  }
  if (code === "EPROTO") {
    return `If it speaks plain http, say so in config.yml: registries: {"${domain}": {plainHttp: true}}.`;
  }
  return "Check the name, the network and the proxy settings (HTTPS_PROXY, NO_PROXY).";
}
