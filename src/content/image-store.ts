import { readdir, rm, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { SealerError } from "#errors";
import { acquireLock, type Lock, type LockHolder, type LockOptions, makeDirectory } from "#files";
import { type Descriptor, type Digest, isDigest } from "#oci";
import { abortable } from "./abortable.ts";
import type { ContentResumer, ContentSink, ContentSource } from "./content.ts";
import { imageNotFound, named, withoutName } from "./layout-index.ts";
import { OciLayout } from "./oci-layout.ts";
import { type Pruned, pruneLayout } from "./prune-layout.ts";
import { readDocument } from "./read-document.ts";
import { receiveRest } from "./receive.ts";

type WaitOptions = { readonly signal?: AbortSignal | undefined };

/** Smaller blobs are not worth going on with: they start again. */
const resumable = 1 << 20;

/**
 * This machine's images: an OCI image layout in `<root>/store` that other tools can read, and that several processes
 * may use at once.
 *
 *     store/oci-layout, index.json, blobs/<algorithm>/<hex>
 *     store/ingest/<algorithm>-<hex>      a large blob on its way in; the next attempt goes on where this one stops
 *     store/ingest/<random>.tmp           other content on its way in
 *     store/ingest/*.lock                 lease (shared by all who write, alone for prune), index, and one for each blob
 */
export class ImageStore implements ContentSource, ContentSink, ContentResumer {
  readonly folder: string;
  readonly #layout: OciLayout;
  readonly #ingest: string;
  readonly #queues = new Map<string, Promise<unknown>>();
  /** What this process has brought in: it may not have been given a name yet. */
  readonly #brought = new Set<Digest>();
  #lease: Promise<Lock> | undefined;
  #keepAlive: NodeJS.Timeout | undefined;

  private constructor(layout: OciLayout, ingest: string) {
    this.folder = layout.folder;
    this.#layout = layout;
    this.#ingest = ingest;
  }

  /** `root` is sealer's root folder. What a crash has left behind is dropped. */
  static async open(root: string): Promise<ImageStore> {
    const folder = join(root, "store");
    const ingest = join(folder, "ingest");
    await makeDirectory(ingest);
    const store = new ImageStore(await OciLayout.create(folder, ingest), ingest);
    await store.#dropLeftovers();
    return store;
  }

  /** By the name that was typed (without a tag it is `latest`), by digest, or by both (`name@sha256:…`). */
  async resolve(reference: string): Promise<Descriptor> {
    const index = await this.#layout.readIndex();
    const found = named(index, reference) ?? named(index, withDefaultTag(reference));
    if (found) return found;
    const digest = reference.slice(reference.lastIndexOf("@") + 1);
    if (isDigest(digest)) return this.#layout.resolve(digest);
    throw imageNotFound(index, withDefaultTag(reference), "the local store");
  }

  open(content: Descriptor, options: WaitOptions & { readonly offset?: number | undefined } = {}) {
    return this.#layout.open(content, options);
  }

  has(content: Descriptor): Promise<boolean> {
    return this.#layout.has(content);
  }

  async write(
    content: Descriptor,
    bytes: Readable,
    { offset = 0, signal }: WaitOptions & { readonly offset?: number | undefined } = {},
  ): Promise<void> {
    try {
      await this.#holdLease(signal);
      if (content.size < resumable && offset === 0) await this.#layout.write(content, bytes, { signal });
      else await this.#oneByOne(content.digest, () => this.#writeLarge(content, bytes, offset, signal));
      this.#brought.add(content.digest);
    } finally {
      bytes.destroy();
    }
  }

  async add(mediaType: string, bytes: Readable | Uint8Array, { signal }: WaitOptions = {}) {
    await this.#holdLease(signal);
    const content = await this.#layout.add(mediaType, bytes, { signal });
    this.#brought.add(content.digest);
    return content;
  }

  async tag(reference: string, content: Descriptor, { signal }: WaitOptions = {}): Promise<void> {
    await this.#holdLease(signal);
    await this.#changingIndex(() => this.#layout.tag(withDefaultTag(reference), content), signal);
  }

  async offsetOf(digest: Digest): Promise<number> {
    const partial = await stat(this.#partial(digest)).catch(() => undefined);
    return partial?.size ?? 0;
  }

  names(): Promise<{ name: string; descriptor: Descriptor }[]> {
    return this.#layout.names();
  }

  /** Takes a name away; what it stood for stays until the next prune. @throws IMAGE_NOT_FOUND */
  async untag(name: string): Promise<void> {
    await this.#changingIndex(async () => {
      const index = await this.#layout.readIndex();
      const exact = named(index, name) ? name : withDefaultTag(name);
      if (!named(index, exact)) throw imageNotFound(index, exact, "the local store");
      await this.#layout.changeIndex((index) => withoutName(index, exact));
    });
  }

  readDocument(content: Descriptor): Promise<Buffer> {
    return readDocument(this, content);
  }

  /** Where the bytes of a blob are, for programs that read files. */
  blobPath(digest: Digest): string {
    return this.#layout.blobs.pathOf(digest);
  }

  /** Until it is released, nobody prunes. Whoever writes to the store has one already. */
  async lease({ signal }: WaitOptions = {}): Promise<Lock> {
    return this.#take("lease", { shared: true, wait: true, note: "lease", signal });
  }

  /**
   * Drops every blob that no name, nothing in `keep` and nothing brought in by this process needs, and what has been in
   * `ingest` for more than a day.
   * @param options.wait milliseconds for which the leases of others are waited for; 2000 by default
   * @throws STORE_LOCKED while another process builds, pulls or loads
   */
  async prune(options: {
    readonly keep: readonly Digest[];
    readonly dryRun?: boolean;
    readonly wait?: number;
  }): Promise<Pruned> {
    await this.close();
    const lock = await this.#take("lease", { wait: options.wait ?? 2000, note: "prune" });
    try {
      const keep = [...options.keep, ...this.#brought];
      return await pruneLayout(this.#layout, this.#ingest, { ...options, keep });
    } finally {
      await lock.release();
    }
  }

  /** Gives up the lease that writing has taken. The store can still be used. */
  async close(): Promise<void> {
    const lease = this.#lease;
    this.#lease = undefined;
    clearInterval(this.#keepAlive);
    this.#keepAlive = undefined;
    await (await lease)?.release();
  }

  async #writeLarge(content: Descriptor, bytes: Readable, offset: number, signal: AbortSignal | undefined) {
    const before = await this.#identity(content.digest);
    const lock = await this.#take(partialName(content.digest), { wait: true, signal });
    try {
      const broughtMeanwhile = (await this.#identity(content.digest)) !== before;
      if (broughtMeanwhile) return;
      const partial = this.#partial(content.digest);
      await receiveRest(partial, abortable(bytes, signal), content, offset);
      await this.#layout.blobs.commit(partial, content.digest);
      await unlink(this.#lock(partialName(content.digest)));
    } finally {
      await lock.release();
    }
  }

  /** Callers of one process wait for each other here; the lock is for other processes. */
  async #oneByOne(key: string, work: () => Promise<void>): Promise<void> {
    const before = this.#queues.get(key) ?? Promise.resolve();
    const turn = before.then(work, work);
    this.#queues.set(key, turn);
    try {
      await turn;
    } finally {
      if (this.#queues.get(key) === turn) this.#queues.delete(key);
    }
  }

  #changingIndex(change: () => Promise<void>, signal?: AbortSignal): Promise<void> {
    return this.#oneByOne("index", async () => {
      const lock = await this.#take("index", { wait: true, signal });
      await change().finally(() => lock.release());
    });
  }

  /** Until `close` or the end of the process: the timer keeps the lock from being collected as garbage before. */
  async #holdLease(signal: AbortSignal | undefined): Promise<void> {
    this.#lease ??= this.lease();
    this.#keepAlive ??= setInterval(() => this.#lease, 2 ** 30).unref();
    try {
      await this.#lease;
    } catch (error) {
      this.#lease = undefined;
      throw error;
    }
    signal?.throwIfAborted();
  }

  /** Only when nobody writes: then everything that is half there has no owner any more. */
  async #dropLeftovers(): Promise<void> {
    const temporary = /\.tmp$/;
    const inIngest = (await readdir(this.#ingest)).filter((name) => temporary.test(name));
    const beside = (await readdir(this.folder)).filter((name) => temporary.test(name));
    const leftovers = [
      ...inIngest.map((name) => join(this.#ingest, name)),
      ...beside.map((name) => join(this.folder, name)),
    ];
    if (leftovers.length === 0) return;
    const lock = await acquireLock(this.#lock("lease"), { note: "start" });
    if (lock.held) return;
    await Promise.all(leftovers.map((path) => rm(path, { force: true }))).finally(() => lock.release());
  }

  async #identity(digest: Digest): Promise<string> {
    const blob = await stat(this.blobPath(digest)).catch(() => undefined);
    return blob ? `${blob.ino} ${blob.mtimeMs}` : "";
  }

  async #take(name: string, options: LockOptions): Promise<Lock> {
    const lock = await acquireLock(this.#lock(name), options).catch((error) => {
      throw options.signal?.aborted ? options.signal.reason : error;
    });
    if (lock.held) throw lockedBy(lock);
    return lock;
  }

  #partial(digest: Digest): string {
    return join(this.#ingest, partialName(digest));
  }

  #lock(name: string): string {
    return join(this.#ingest, `${name}.lock`);
  }
}

function partialName(digest: Digest): string {
  return digest.replace(":", "-");
}

/** `kubernetes` is `kubernetes:latest`; names with a tag or a digest stay. */
function withDefaultTag(name: string): string {
  const last = name.slice(name.lastIndexOf("/") + 1);
  return /[:@]/.test(last) ? name : `${name}:latest`;
}

function lockedBy({ by }: LockHolder): SealerError {
  const who = by.pid ? `process ${by.pid} on ${by.host} (since ${by.since})` : "another process";
  return new SealerError("STORE_LOCKED", `the local store is in use by ${who}`, {
    hint: "Wait until it has ended and run the same command again.",
  });
}
