import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { type Application, RootfsView, unpackRootfs } from "#cluster-image";
import type { ImageStore } from "#content";
import { SealerError } from "#errors";
import { compress, hashing, makeDirectory, packOverlayUpper, temporaryDirectory } from "#files";
import { formatPlatform, mediaTypes, type Platform } from "#oci";
import type { Progress } from "#progress";
import { appOf } from "./app-of.ts";
import type { BuildFolder } from "./build-folder.ts";
import { copyLayer, stateKey } from "./copy-layer.ts";
import { type BuiltLayer, LayerCache } from "./layer-cache.ts";
import type { RunStep, Step } from "./plan-build.ts";
import { type CopyStep, type LayerEntry, planCopy } from "./plan-copy.ts";
import { runCommand } from "./run-command.ts";
import { warnOfSecrets } from "./warn-of-secrets.ts";

export interface LayerOptions {
  readonly store: ImageStore;
  readonly overlayDir: string;
  readonly cacheDir: string;
  readonly noCache: boolean;
  readonly compression: "zstd" | "gzip";
  readonly network: "default" | "none";
  readonly epoch: number;
  readonly kubefile: { readonly file: string };
  readonly platforms: readonly Platform[];
  readonly progress: Progress;
  readonly signal?: AbortSignal | undefined;
}

/** Makes the layers of a build one after the other, each out of the cache where nothing has changed. */
export class LayerBuilder {
  /** Those of the base and the new ones, unpacked; the lowest first. */
  readonly layerDirs: string[];
  readonly added: BuiltLayer[] = [];
  readonly history: { readonly createdBy: string; readonly empty: boolean }[] = [];
  readonly apps = new Map<string, Application>();
  readonly #options: LayerOptions;
  readonly #folder: BuildFolder;
  readonly #platform: Platform;
  readonly #cache: LayerCache;

  constructor(
    options: LayerOptions,
    folder: BuildFolder,
    base: { readonly layerDirs: readonly string[] },
    platform: Platform,
  ) {
    this.#options = options;
    this.#folder = folder;
    this.#platform = platform;
    this.layerDirs = [...base.layerDirs];
    this.#cache = new LayerCache(options.cacheDir, (content) => options.store.has(content));
  }

  async add(step: Step): Promise<void> {
    const { createdBy, line } = step;
    if (step.kind === "none") {
      this.history.push({ createdBy, empty: true });
      return;
    }
    const { progress } = this.#options;
    const platform = formatPlatform(this.#platform);
    const id = `${platform} line ${line}`;
    const title = titleOf(createdBy);
    progress({
      type: "task-started",
      id,
      title: this.#options.platforms.length > 1 ? `${platform}: ${title}` : title,
    });
    try {
      const { layer, isCached } = await this.#make(step, id);
      if (layer !== "empty") await this.#push(layer, id);
      this.history.push({ createdBy, empty: layer === "empty" });
      progress({
        type: "task-finished",
        id,
        outcome: isCached ? "skipped" : "done",
        ...(isCached ? { note: "cached" } : layer === "empty" ? { note: "changes nothing" } : {}),
      });
    } catch (error) {
      progress({ type: "task-failed", id, message: error instanceof Error ? error.message : String(error) });
      throw error;
    }
  }

  #make(step: Exclude<Step, { kind: "none" }>, task: string): Promise<Made> {
    switch (step.kind) {
      case "copy":
        return this.#copy(step.copy);
      case "app":
        return this.#app(step.name, step.copy);
      case "run":
        return this.#run(step, task);
    }
  }

  async #copy(step: CopyStep): Promise<Made> {
    const entries = await planCopy(step, this.#folder, new RootfsView(this.layerDirs));
    warnOfSecrets(entries, step, this.#options.progress);
    return this.#copied(entries);
  }

  async #app(name: string, step: CopyStep): Promise<Made> {
    const entries = await planCopy(step, this.#folder, new RootfsView(this.layerDirs));
    this.apps.set(name, appOf(name, entries));
    return this.#copied(entries);
  }

  /** By what the file system tells of the files; where that has changed, by their content; else made anew. */
  async #copied(entries: readonly LayerEntry[]): Promise<Made> {
    if (entries.length === 0) return { layer: "empty", isCached: false };
    const { epoch, compression, noCache, signal } = this.#options;
    const state = stateKey(entries, Date.now());
    const stateEntry = state && LayerCache.key(["copy state", state, epoch, compression]);
    const tar = () => copyLayer(entries, this.#folder, epoch);
    if (!noCache) {
      const known = stateEntry && (await this.#cache.get(stateEntry));
      if (known) return { layer: known, isCached: true };
    }
    const contentEntry = LayerCache.key(["copy content", await digestOf(tar(), signal), compression]);
    const same = noCache ? undefined : await this.#cache.get(contentEntry);
    const layer = same ?? (await this.#store(tar()));
    for (const key of [stateEntry, contentEntry]) if (key) await this.#cache.put(key, layer);
    return { layer, isCached: same !== undefined };
  }

  async #run(step: RunStep & { readonly createdBy: string }, task: string): Promise<Made> {
    const { epoch, compression, noCache, overlayDir, signal, progress } = this.#options;
    const network = this.#options.network === "none" ? "none" : step.network;
    const env = Object.entries(step.env).sort(([a], [b]) => (a < b ? -1 : 1));
    const below = this.layerDirs.map((folder) => folder.slice(folder.lastIndexOf("/") + 1));
    const key = LayerCache.key(["run", below, step.command, env, network, epoch, compression]);
    const known = noCache ? undefined : await this.#cache.get(key);
    if (known) return { layer: known, isCached: true };
    await makeDirectory(overlayDir, { mode: 0o700 });
    await using temporary = await temporaryDirectory(overlayDir, ".run-");
    const { exitCode, lastLines } = await runCommand({
      layerDirs: this.layerDirs,
      workDir: temporary.path,
      command: step.command,
      env: step.env,
      network,
      onLine: (line) => progress({ type: "output", line, task }),
      signal,
    });
    if (exitCode !== 0) throw runFailed(step, exitCode, lastLines, this.#options.kubefile.file);
    const upper = join(temporary.path, "upper");
    const isEmpty = (await readdir(upper)).length === 0;
    const layer = isEmpty
      ? ("empty" as const)
      : await this.#store(packOverlayUpper(upper, { mtime: epoch, signal }));
    await this.#cache.put(key, layer);
    return { layer, isCached: false };
  }

  async #store(tar: AsyncIterable<Uint8Array>): Promise<BuiltLayer> {
    const { store, compression, signal } = this.#options;
    const plain = hashing(tar);
    const mediaType = compression === "zstd" ? mediaTypes.ociLayerZstd : mediaTypes.ociLayerGzip;
    const descriptor = await store.add(mediaType, Readable.from(compress(plain, compression)), { signal });
    return { id: plain.digest.replace("sha256:", ""), descriptor };
  }

  async #push(layer: BuiltLayer, parent: string): Promise<void> {
    const { store, overlayDir, progress, signal } = this.#options;
    const { id, descriptor } = layer;
    const [folder] = await unpackRootfs(store, [{ ...descriptor, id, createdBy: "" }], overlayDir, {
      progress,
      parent,
      signal,
      isOwn: true,
    });
    this.added.push(layer);
    this.layerDirs.push(folder!);
  }
}

interface Made {
  readonly layer: BuiltLayer | "empty";
  readonly isCached: boolean;
}

async function digestOf(tar: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined): Promise<string> {
  const bytes = hashing(tar);
  for await (const _ of bytes) signal?.throwIfAborted();
  return bytes.digest;
}

/** An instruction in one line of a bearable length. */
function titleOf(createdBy: string): string {
  const line = createdBy.split("\n")[0]!.replace(/\s+/g, " ");
  return line.length > 100 ? `${line.slice(0, 99)}…` : line;
}

function runFailed(
  { createdBy, line }: RunStep & { readonly createdBy: string },
  exitCode: number,
  lastLines: readonly string[],
  file: string,
): SealerError {
  const output = lastLines.map((text) => `\n  ${text}`).join("");
  const how = `exited ${exitCode}${output || " and printed nothing"}`;
  return new SealerError("RUN_FAILED", `${titleOf(createdBy)} ${how}`, {
    where: `${file}:${line}`,
    hint:
      exitCode === 127
        ? "A program that it calls is neither on this machine nor in the bin folder of the rootfs."
        : "It runs in the rootfs, with this machine's /usr, /bin and /lib; only the rootfs and /tmp can be written to.",
  });
}
