import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { SealerError } from "#errors";
import {
  algorithmOf,
  type Descriptor,
  type Digest,
  digestOf,
  isDigest,
  isIndex,
  isManifest,
  isRepository,
  isTag,
  parseReference,
} from "#oci";
import type { ContentMounter, ContentResumer, ContentSource, ContentTarget } from "../content.ts";
import { readDocument } from "../read-document.ts";
import { digestMismatch } from "../verified.ts";
import { download } from "./download.ts";
import { bodyOf } from "./failures.ts";
import { describe, documentTypes, isDocument, sniffType, typeOf } from "./manifest-answer.ts";
import { RegistryError } from "./registry-error.ts";
import { type RegistryAnswer, RegistrySession, type SessionOptions } from "./registry-session.ts";
import { Uploads } from "./uploads.ts";

export interface RegistryClientOptions extends SessionOptions {
  /** `library/nginx`: no domain, no tag. */
  readonly repository: string;
}

type WaitOptions = { readonly signal?: AbortSignal | undefined };

const longestDocument = 8 << 20;
const mostPages = 1000;

/**
 * One repository of a registry, over OCI's distribution API 1.1 and Docker's, which is the same. References are tags,
 * digests, or whole references to this repository.
 * @throws REGISTRY_UNREACHABLE, REGISTRY_REFUSED, REGISTRY_FAILED from every method
 */
export class RegistryClient implements ContentSource, ContentTarget, ContentMounter, ContentResumer {
  readonly domain: string;
  readonly repository: string;
  readonly #session: RegistrySession;
  readonly #uploads: Uploads;
  readonly #retryDelay: number;
  /** The last one written: tagging it needs its bytes. */
  #document: { readonly digest: Digest; readonly bytes: Buffer } | undefined;

  constructor(options: RegistryClientOptions) {
    if (!isRepository(options.repository)) {
      throw new SealerError("REFERENCE_INVALID", `"${options.repository}" is not the name of a repository`);
    }
    this.domain = options.domain;
    this.repository = options.repository;
    this.#session = new RegistrySession(options);
    this.#uploads = new Uploads(this.#session, options.repository);
    this.#retryDelay = options.retry?.delay ?? 400;
  }

  async resolve(reference: string, { signal }: WaitOptions = {}): Promise<Descriptor> {
    const wanted = this.#parse(reference);
    const request = {
      to: this.#path("manifests", wanted),
      what: `the image ${this.#named(wanted)}`,
      headers: { accept: documentTypes.join(", ") },
      scopes: [this.#scope("pull")],
      signal,
    };
    const head = await this.#session.request({ ...request, method: "HEAD" });
    const described = describe(head.response, wanted);
    if (described) return described;
    const { response } = await this.#session.request({ ...request, method: "GET" });
    const bytes = await bodyOf(response, longestDocument);
    const digest = digestOf(bytes, isDigest(wanted) ? algorithmOf(wanted) : "sha256");
    if (isDigest(wanted) && wanted !== digest) throw digestMismatch(wanted, digest);
    return { mediaType: sniffType(response, bytes), digest, size: bytes.length };
  }

  /** The bytes come from one request, and from another for the rest when its connection breaks. */
  async open(
    content: Descriptor,
    { offset = 0, signal }: WaitOptions & { readonly offset?: number | undefined } = {},
  ): Promise<Readable> {
    if (offset > 0 && offset >= content.size) return Readable.from([]);
    const ask = async (from: number): Promise<RegistryAnswer> => {
      const answer = await this.#session.request({
        method: "GET",
        to: this.#path(isDocument(content) ? "manifests" : "blobs", content.digest),
        what: `${content.digest} of ${this.repository}`,
        headers: {
          ...(isDocument(content) ? { accept: content.mediaType } : {}),
          ...(from > 0 ? { range: `bytes=${from}-` } : {}),
        },
        scopes: [this.#scope("pull")],
        signal,
      });
      this.#mustBeOfType(content, answer.response);
      return answer;
    };
    const first = await ask(offset);
    const bytes = download(this.domain, content, first, ask, { offset, delay: this.#retryDelay, signal });
    const stream = Readable.from(bytes, { objectMode: false, highWaterMark: 1 << 20 });
    return stream.once("close", () => first.response.destroy());
  }

  async has(content: Descriptor, { signal }: WaitOptions = {}): Promise<boolean> {
    const { status, response } = await this.#session.request({
      method: "HEAD",
      to: this.#path(isDocument(content) ? "manifests" : "blobs", content.digest),
      what: `${content.digest} of ${this.repository}`,
      headers: isDocument(content) ? { accept: content.mediaType } : {},
      scopes: [this.#scope("pull")],
      accept: [404],
      signal,
    });
    response.resume();
    const length = response.headers["content-length"];
    return status === 200 && (length === undefined || Number(length) === content.size);
  }

  async write(
    content: Descriptor,
    bytes: Readable,
    { offset = 0, signal }: WaitOptions & { readonly offset?: number | undefined } = {},
  ): Promise<void> {
    if (!isDocument(content)) return this.#uploads.send(content, bytes, { offset, signal });
    const document = await readDocument({ open: async () => bytes }, content, { signal });
    await this.#putDocument(content.digest, content.mediaType, document, signal);
    this.#document = { digest: content.digest, bytes: document };
  }

  async tag(reference: string, content: Descriptor, { signal }: WaitOptions = {}): Promise<void> {
    const tag = this.#parse(reference);
    if (isDigest(tag)) {
      if (tag !== content.digest) throw digestMismatch(tag, content.digest);
      return;
    }
    const held = this.#document?.digest === content.digest ? this.#document.bytes : undefined;
    const bytes = held ?? (await readDocument(this, content, { signal }));
    await this.#putDocument(tag, content.mediaType, bytes, signal);
  }

  mount(content: Descriptor, from: string): Promise<boolean> {
    return this.#uploads.mount(content, from);
  }

  offsetOf(digest: Digest): Promise<number> {
    return this.#uploads.offsetOf(digest);
  }

  /** In the order that the registry gives them. */
  async listTags({ signal }: WaitOptions = {}): Promise<string[]> {
    const tags: string[] = [];
    const seen = new Set<string>();
    let next: string | URL | undefined = `/v2/${this.repository}/tags/list`;
    while (next && !seen.has(String(next)) && seen.size < mostPages) {
      seen.add(String(next));
      const what = `the tags of ${this.repository}`;
      const { response, url } = await this.#session.request({
        method: "GET",
        to: next,
        what,
        scopes: [this.#scope("pull")],
        signal,
      });
      tags.push(...this.#tagsIn(await bodyOf(response, longestDocument)));
      next = nextPage(response, url);
    }
    return tags;
  }

  /** Whether the registry is there and takes the credentials; throws why not. */
  async ping({ signal }: WaitOptions = {}): Promise<void> {
    const { response } = await this.#session.request({
      method: "GET",
      to: "/v2/",
      what: "a login",
      scopes: [],
      signal,
    });
    await bodyOf(response, 65_536).catch(() => {});
  }

  /** Gives up the connections that are kept for the next request. */
  close(): void {
    this.#session.close();
  }

  async #putDocument(
    reference: string,
    mediaType: string,
    body: Buffer,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { response } = await this.#session.request({
      method: "PUT",
      to: this.#path("manifests", reference),
      what: `a push of ${this.#named(reference)}`,
      headers: { "content-type": mediaType },
      body,
      scopes: [this.#scope("pull,push")],
      signal,
    });
    await bodyOf(response, 65_536).catch(() => {});
  }

  /** A digest or a tag. */
  #parse(reference: string): string {
    if (isDigest(reference) || isTag(reference)) return reference;
    const { registry, repository, tag, digest } = parseReference(reference);
    if (registry !== this.domain || repository !== this.repository) {
      throw new Error(`${reference} does not belong to ${this.domain}/${this.repository}`);
    }
    return digest ?? tag ?? "latest";
  }

  #path(kind: "manifests" | "blobs", reference: string): string {
    return `/v2/${this.repository}/${kind}/${reference}`;
  }

  #named(reference: string): string {
    return `${this.domain}/${this.repository}${isDigest(reference) ? "@" : ":"}${reference}`;
  }

  #scope(actions: string): string {
    return `repository:${this.repository}:${actions}`;
  }

  #mustBeOfType({ mediaType, digest }: Descriptor, response: IncomingMessage): void {
    const type = typeOf(response);
    const isOther = documentTypes.some((known) => known === type) && type !== mediaType;
    if (!isOther || !(isManifest(mediaType) || isIndex(mediaType))) return;
    response.destroy();
    throw new SealerError(
      "IMAGE_INVALID",
      `${digest} should be ${mediaType}, but ${this.domain} sends ${type}`,
      {
        where: this.domain,
        hint: "Push the image there again.",
      },
    );
  }

  #tagsIn(body: Buffer): string[] {
    try {
      const { tags } = JSON.parse(body.toString());
      return (tags ?? []).filter((tag: unknown) => typeof tag === "string" && isTag(tag));
    } catch (cause) {
      const message = `${this.domain} did not answer with a list of tags`;
      throw new RegistryError("REGISTRY_FAILED", message, { where: this.domain, cause });
    }
  }
}

/** Of `Link: <…>; rel="next"`, and only on the same server. */
function nextPage(response: IncomingMessage, url: URL): URL | undefined {
  const target = /<([^>]+)>\s*;[^,]*rel="?next"?/i.exec(String(response.headers.link ?? ""))?.[1];
  const next = target === undefined ? undefined : URL.parse(target, url);
  return next && next.origin === url.origin ? next : undefined;
}
