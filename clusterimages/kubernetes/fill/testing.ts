import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Received {
  readonly path: string;
  readonly range: string | undefined;
}

/** A download site on the loopback interface for a test; it notes what it was asked for. */
export async function downloadSite(
  answer: (request: IncomingMessage, response: ServerResponse, received: readonly Received[]) => void,
): Promise<{ url: string; received: Received[] } & AsyncDisposable> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    received.push({ path: request.url ?? "", range: request.headers.range });
    answer(request, response, received);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Serves bytes as a download site does: with ranges. */
export function serve(bytes: Buffer, request: IncomingMessage, response: ServerResponse): void {
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
  if (request.headers.range === undefined) {
    response.writeHead(200, { "content-length": bytes.length }).end(bytes);
  } else if (from >= bytes.length) {
    response.writeHead(416, { "content-range": `bytes */${bytes.length}` }).end();
  } else {
    const range = `bytes ${from}-${bytes.length - 1}/${bytes.length}`;
    response.writeHead(206, { "content-range": range, "content-length": bytes.length - from });
    response.end(bytes.subarray(from));
  }
}
