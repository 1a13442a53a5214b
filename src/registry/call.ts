import type { IncomingMessage } from "node:http";
import type { NameRequest } from "./names.ts";
import type { Repositories } from "./repositories.ts";
import type { Repository } from "./repository.ts";
import type { OpenBlob } from "./storage.ts";

/** What a handler is given: a request whose route has been read and that has been let in. */
export interface Call {
  readonly request: IncomingMessage;
  readonly query: URLSearchParams;
  readonly name: NameRequest;
  /** Where the name is written to. */
  readonly repository: Repository;
  readonly repositories: Repositories;
  /** Uploads that a request is working on. */
  readonly busyUploads: Set<string>;
  /** A Location below the name as the client knows it: `/v2/<name>/<rest>`. */
  location(rest: string, query?: Readonly<Record<string, string>>): string;
}

/** What is sent back. HEAD sends the same without the body. */
export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string | number | readonly string[]>>;
  readonly body?: Uint8Array | BlobPart;
}

/** Bytes of a blob from `start` to `end`, itself included. Sending it closes the blob. */
export interface BlobPart {
  readonly blob: OpenBlob;
  readonly digest: string;
  readonly start: number;
  readonly end: number;
}

export function jsonReply(
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): Reply {
  return {
    status,
    headers: { "Content-Type": "application/json; charset=utf-8", ...headers },
    body: Buffer.from(`${JSON.stringify(value)}\n`),
  };
}

/** A body is all bytes until the sender ends or breaks off; stopping early leaves the connection usable for the reply. */
export function bodyOf(request: IncomingMessage): AsyncIterable<Uint8Array> {
  return request.iterator({ destroyOnReturn: false });
}
