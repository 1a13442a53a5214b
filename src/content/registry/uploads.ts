import type { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { SealerError } from "#errors";
import type { Descriptor, Digest } from "#oci";
import { abortable } from "../abortable.ts";
import { digestMismatch, verified } from "../verified.ts";
import { bodyOf } from "./failures.ts";
import { RegistryError } from "./registry-error.ts";
import type { RegistryAnswer, RegistrySession } from "./registry-session.ts";

type WaitOptions = { readonly signal?: AbortSignal | undefined };

/** Smaller blobs are held in memory, so that they can be sent again. */
const small = 1 << 20;

/** Blobs on their way into one repository (OCI distribution-spec, "Pushing blobs"). */
export class Uploads {
  readonly #session: RegistrySession;
  readonly #repository: string;
  readonly #scope: string;
  /** Uploads that broke. */
  readonly #broken = new Map<Digest, URL>();
  /** Uploads without a byte that refused mounts have left open. */
  readonly #unused = new Map<Digest, URL>();

  constructor(session: RegistrySession, repository: string) {
    this.#session = session;
    this.#repository = repository;
    this.#scope = `repository:${repository}:pull,push`;
  }

  async send(content: Descriptor, bytes: Readable, options: WaitOptions & { readonly offset: number }) {
    try {
      if (content.size <= small && options.offset === 0) await this.#sendWhole(content, bytes, options);
      else await this.#sendStream(content, bytes, options);
    } finally {
      bytes.destroy();
    }
  }

  /** How much of a broken upload the registry has. */
  async offsetOf(digest: Digest): Promise<number> {
    const upload = this.#broken.get(digest);
    if (!upload) return 0;
    const answer = await this.#ask("GET", upload, `the state of an upload of ${digest}`, {});
    const end = Number(/^(?:bytes=)?0-(\d+)$/.exec(answer?.response.headers.range ?? "")?.[1] ?? 0);
    if (answer) await this.#finish(answer);
    if (answer?.status !== 204 || end === 0) {
      this.#broken.delete(digest);
      return 0;
    }
    this.#broken.set(digest, this.#next(answer, digest));
    return end + 1;
  }

  async mount(content: Descriptor, from: string): Promise<boolean> {
    const query = new URLSearchParams({ mount: content.digest, from });
    try {
      const answer = await this.#session.request({
        method: "POST",
        to: `/v2/${this.#repository}/blobs/uploads/?${query}`,
        what: `${content.digest} of ${from}`,
        scopes: [this.#scope, `repository:${from}:pull`],
      });
      await this.#finish(answer);
      if (answer.status === 202) this.#unused.set(content.digest, this.#next(answer, content.digest));
      return answer.status === 201;
    } catch (error) {
      const isNo = error instanceof RegistryError && error.status !== undefined && error.status < 500;
      if (isNo) return false;
      throw error;
    }
  }

  async #sendWhole(content: Descriptor, bytes: Readable, { signal }: WaitOptions): Promise<void> {
    const body = await buffer(verified(abortable(bytes, signal), content));
    await this.#close(content, await this.#begin(content, signal), body, signal);
  }

  async #sendStream(
    content: Descriptor,
    bytes: Readable,
    { offset, signal }: WaitOptions & { readonly offset: number },
  ): Promise<void> {
    const isWhole = offset === 0;
    const upload = isWhole ? await this.#begin(content, signal) : this.#takeBroken(content);
    const incoming = abortable(bytes, signal);
    const body = isWhole ? verified(incoming, content) : incoming;
    try {
      const answer = await this.#session.request({
        method: "PATCH",
        to: upload,
        what: `the upload of ${content.digest}`,
        headers: {
          "content-type": "application/octet-stream",
          "content-length": String(content.size - offset),
          ...(isWhole ? {} : { "content-range": `${offset}-${content.size - 1}` }),
        },
        body,
        scopes: [this.#scope],
        signal,
      });
      await this.#finish(answer);
      await this.#close(content, this.#next(answer, content.digest), undefined, signal);
    } catch (error) {
      throw await this.#brokenBy(content, upload, offset, error);
    }
  }

  /** Keeps an upload that can go on, and cancels one that cannot. */
  async #brokenBy(content: Descriptor, upload: URL, offset: number, error: unknown): Promise<unknown> {
    const status = error instanceof RegistryError ? error.status : undefined;
    const isWrong = error instanceof SealerError && error.code === "DIGEST_MISMATCH";
    if (!isWrong && (status === undefined || status === 401 || status >= 500)) {
      this.#broken.set(content.digest, upload);
      return error;
    }
    if (isWrong)
      await this.#ask("DELETE", upload, "an end of the upload", {}).then(
        (answer) => answer && this.#finish(answer),
      );
    const mayStartAgain = offset > 0 && (status === 404 || status === 416 || status === 400);
    return mayStartAgain ? digestMismatch(content.digest, "a broken upload that cannot go on") : error;
  }

  #takeBroken({ digest }: Descriptor): URL {
    const upload = this.#broken.get(digest);
    if (!upload) throw digestMismatch(digest, "the end of an upload that was not begun");
    this.#broken.delete(digest);
    return upload;
  }

  async #begin({ digest }: Descriptor, signal: AbortSignal | undefined): Promise<URL> {
    this.#broken.delete(digest);
    const unused = this.#unused.get(digest);
    if (unused) {
      this.#unused.delete(digest);
      return unused;
    }
    const answer = await this.#session.request({
      method: "POST",
      to: `/v2/${this.#repository}/blobs/uploads/`,
      what: `a push to ${this.#repository}`,
      scopes: [this.#scope],
      signal,
    });
    await this.#finish(answer);
    return this.#next(answer, digest);
  }

  async #close(
    { digest }: Descriptor,
    upload: URL,
    body: Buffer | undefined,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const to = new URL(upload);
    to.search += `${to.search ? "&" : "?"}digest=${encodeURIComponent(digest)}`;
    const answer = await this.#session.request({
      method: "PUT",
      to,
      what: `the end of the upload of ${digest}`,
      headers: { "content-type": "application/octet-stream" },
      ...(body ? { body } : {}),
      scopes: [this.#scope],
      signal,
    });
    await this.#finish(answer);
  }

  /** A request about an upload whose failure does not matter. */
  async #ask(method: "GET" | "DELETE", to: URL, what: string, { signal }: WaitOptions) {
    const request = { method, to, what, scopes: [this.#scope], signal };
    return this.#session.request(request).catch(() => undefined);
  }

  #next({ response, url }: RegistryAnswer, digest: Digest): URL {
    const next = URL.parse(response.headers.location ?? "", url);
    if (response.headers.location && next) return next;
    throw new RegistryError(
      "REGISTRY_FAILED",
      `${this.#session.domain} did not say where to send ${digest}`,
      {
        where: this.#session.domain,
      },
    );
  }

  async #finish({ response }: RegistryAnswer): Promise<void> {
    await bodyOf(response, 65_536).catch(() => response.destroy());
  }
}
