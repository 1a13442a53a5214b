import type { IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { Descriptor } from "#oci";
import { unreachable } from "./failures.ts";
import { RegistryError } from "./registry-error.ts";
import type { RegistryAnswer } from "./registry-session.ts";

const mostBreaks = 5;

/**
 * The bytes of a blob from `offset` on, which `first` has begun to answer, asking again from where a connection broke.
 * `ask` makes one request, for the bytes from its argument on.
 */
export async function* download(
  domain: string,
  content: Descriptor,
  first: RegistryAnswer,
  ask: (offset: number) => Promise<RegistryAnswer>,
  options: { readonly offset: number; readonly delay: number; readonly signal?: AbortSignal | undefined },
): AsyncGenerator<Buffer> {
  let at = options.offset;
  let answer = first;
  for (let breaks = 0; ; ) {
    const { response } = answer;
    let skip = at - startOf(domain, response, at);
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        const fresh = chunk.subarray(Math.min(skip, chunk.length));
        skip -= chunk.length - fresh.length;
        if (fresh.length === 0) continue;
        at += fresh.length;
        breaks = 0;
        yield fresh;
        if (at > content.size) return;
      }
      return;
    } catch (error) {
      options.signal?.throwIfAborted();
      if (++breaks >= mostBreaks) throw unreachable(domain, error);
      await sleep(options.delay * 2 ** breaks, undefined, { signal: options.signal });
      answer = await ask(at);
    }
  }
}

/** Some servers do not know ranges, and send everything. */
function startOf(domain: string, response: IncomingMessage, asked: number): number {
  if (response.statusCode !== 206) return 0;
  const start = Number(/^bytes (\d+)-/.exec(response.headers["content-range"] ?? "")?.[1] ?? Number.NaN);
  if (start === asked) return start;
  response.destroy();
  throw new RegistryError("REGISTRY_FAILED", `${domain} sent another part of a blob than was asked for`, {
    where: domain,
  });
}
