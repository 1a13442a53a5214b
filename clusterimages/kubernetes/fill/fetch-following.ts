import { SealerError } from "#errors";

const mostRedirects = 10;

/**
 * A GET that follows redirects, as download sites use them, but never from https down to http.
 *
 * @throws DOWNLOAD_FAILED for an answer that another attempt would not change
 */
export async function fetchFollowing(
  url: string,
  headers: Readonly<Record<string, string>>,
  signal?: AbortSignal,
): Promise<Response> {
  let address = new URL(url);
  for (let redirects = 0; ; redirects++) {
    const response = await fetch(address, { headers, redirect: "manual", signal: signal ?? null });
    const location = response.headers.get("location");
    if (response.status >= 300 && response.status < 400 && location !== null) {
      await response.body?.cancel();
      if (redirects === mostRedirects) throw failed(url, `it redirects more than ${mostRedirects} times`);
      const next = new URL(location, address);
      if (address.protocol === "https:" && next.protocol !== "https:") {
        throw failed(url, `it redirects from https to ${next.href}`);
      }
      address = next;
      continue;
    }
    if (response.ok || response.status === 416) return response;
    await response.body?.cancel();
    if (response.status === 429 || response.status >= 500) throw new TemporaryFailure(url, response.status);
    throw failed(url, `${address.host} answers ${response.status}`);
  }
}

/** Whether another attempt could help: the network failed, or the server is overloaded. */
export function isTemporary(error: unknown): boolean {
  return !(error instanceof SealerError) && !(error instanceof Error && error.name === "AbortError");
}

class TemporaryFailure extends Error {
  constructor(url: string, status: number) {
    super(`${url}: the server answers ${status}`);
  }
}

function failed(url: string, why: string): SealerError {
  return new SealerError("DOWNLOAD_FAILED", `cannot be downloaded: ${why}`, {
    where: url,
    hint: "Look whether the address in the lock file is still right, or name a mirror with --mirror.",
  });
}
