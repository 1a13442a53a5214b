import type { IncomingMessage } from "node:http";
import type { LogConfig } from "./registry-config.ts";

/** What the registry tells about itself: one line a request, and what went wrong. */
export interface RegistryLog {
  access(entry: AccessEntry): void;
  info(message: string, facts?: Readonly<Record<string, unknown>>): void;
  warn(message: string, facts?: Readonly<Record<string, unknown>>): void;
  error(message: string, facts?: Readonly<Record<string, unknown>>): void;
}

export interface AccessEntry {
  readonly request: IncomingMessage;
  readonly status: number;
  /** Of the reply's body. */
  readonly bytes: number;
  readonly milliseconds: number;
  readonly user: string | undefined;
}

/** Lines of JSON, or of `key=value`, to `write`. Neither credentials nor queries other than `ns` get into them. */
export function createLog(
  { level, format, fields, access }: LogConfig,
  write: (line: string) => void,
): RegistryLog {
  const line = (of: keyof typeof levels, message: string, facts: Readonly<Record<string, unknown>> = {}) => {
    if (levels[of] > levels[level]) return;
    const entry = { time: new Date().toISOString(), level: of, msg: message, ...fields, ...facts };
    write(format === "json" ? JSON.stringify(entry) : asText(entry));
  };
  return {
    access({ request, status, bytes, milliseconds, user }) {
      if (!access) return;
      const [path, query] = (request.url ?? "").split("?");
      line("info", "request", {
        remote: request.socket.remoteAddress,
        user,
        method: request.method,
        path,
        ns: new URLSearchParams(query).get("ns") ?? undefined,
        status,
        bytes,
        ms: milliseconds,
        agent: request.headers["user-agent"],
      });
    },
    info: (message, facts) => line("info", message, facts),
    warn: (message, facts) => line("warn", message, facts),
    error: (message, facts) => line("error", message, facts),
  };
}

const levels = { error: 0, warn: 1, info: 2, debug: 3 } as const;

function asText(entry: Readonly<Record<string, unknown>>): string {
  return Object.entries(entry)
    .filter(([, value]) => value !== undefined)
    .map(
      ([key, value]) =>
        `${key}=${/^[\w.:/@+-]+$/.test(String(value)) ? value : JSON.stringify(String(value))}`,
    )
    .join(" ");
}
