import {
  type ClusterImage,
  RootfsView,
  readClusterImage,
  rootfsFor,
  type UnresolvedImage,
  unpackRootfs,
} from "#cluster-image";
import { SealerError } from "#errors";
import { type Instruction, kubefileError } from "#kubefile";
import { formatPlatform, type Platform, parsePlatform, platformMatches } from "#oci";
import { noProgress, type Progress } from "#progress";
import { findArchivesIn } from "./archive-finder.ts";
import { type BaseImage, scratch } from "./base-image.ts";
import type { BuildFolder } from "./build-folder.ts";
import type { BuildOptions } from "./build-options.ts";
import { describeRootfs } from "./describe-rootfs.ts";
import { type EmbeddedImages, embedImages } from "./embed-images.ts";
import { findContainerImages, type WantedImage } from "./find-container-images.ts";
import { findInStore } from "./find-in-store.ts";
import { LayerBuilder } from "./layer-builder.ts";
import { type BuildPlan, planBase, planBuild } from "./plan-build.ts";

/** The build for one platform: base, steps, embedded images, configuration. */
export class PlatformBuild {
  readonly #options: BuildOptions;
  readonly #instructions: readonly Instruction[];
  readonly #folder: BuildFolder;
  readonly #platform: Platform;
  readonly #progress: Progress;

  constructor(
    options: BuildOptions,
    instructions: readonly Instruction[],
    folder: BuildFolder,
    platform: Platform,
  ) {
    this.#options = options;
    this.#instructions = instructions;
    this.#folder = folder;
    this.#platform = platform;
    this.#progress = options.progress ?? noProgress;
  }

  async run() {
    const { kubefile, buildArgs } = this.#options;
    const base = await this.#resolveBase();
    const plan = planBuild(this.#instructions, {
      file: kubefile.file,
      platform: this.#platform,
      buildArgs,
      baseEnv: base.image?.env ?? {},
    });
    this.#warnOfUnusedArgs(plan);
    const layers = new LayerBuilder(
      { ...this.#options, progress: this.#progress },
      this.#folder,
      base,
      this.#platform,
    );
    for (const step of plan.steps) await layers.add(step);
    const kept = this.#options.withoutBase ? scratch : base;
    const view = new RootfsView(layers.layerDirs.slice(base.layerDirs.length - kept.layerDirs.length));
    const { wanted, unresolved } = await this.#wantedImages(view);
    const images = await this.#embed(wanted, kept.image, view);
    const platform = this.#platform;
    const rootfs = await describeRootfs({
      options: this.#options,
      platform,
      plan,
      base: kept,
      layers,
      view,
      unresolved,
    });
    return { images, rootfs };
  }

  async #resolveBase(): Promise<BaseImage> {
    const { kubefile, buildArgs, store, fetchBase, overlayDir, signal } = this.#options;
    const { file } = kubefile;
    const from = planBase(this.#instructions, { file, platform: this.#platform, buildArgs });
    if (from.image === "scratch") return scratch;
    const name = await fetchBase(from.image, from).catch((error: unknown) => {
      throw atLine(error, `${file}:${from.line}`);
    });
    const image = { ...(await readClusterImage(store, name, { signal })), name: from.image };
    const wanted =
      from.platform === undefined ? this.#platform : readPlatform(from.platform, file, from.line);
    const rootfs = this.#rootfsOf(image, wanted, `${file}:${from.line}`);
    const layerDirs = await unpackRootfs(store, rootfs.layers, overlayDir, {
      progress: this.#progress,
      signal,
    });
    return { image, config: rootfs.config, layers: rootfs.layers, layerDirs };
  }

  #rootfsOf(image: ClusterImage, wanted: Platform, where: string) {
    try {
      return rootfsFor(image, (one) => platformMatches(wanted, one), formatPlatform(wanted));
    } catch (error) {
      throw atLine(error, where);
    }
  }

  #warnOfUnusedArgs({ unusedArgs }: BuildPlan): void {
    for (const name of unusedArgs) {
      this.#progress({
        type: "note",
        level: "warning",
        text: `--build-arg ${name}: no ARG in the Kubefile asks for it`,
      });
    }
  }

  async #wantedImages(view: RootfsView) {
    const { extraImages, ignoredImages } = this.#options;
    const found = await findContainerImages(view);
    for (const { file, line, text, why } of found.unresolved) {
      this.#progress({
        type: "note",
        level: "warning",
        text: `${file}:${line}: not embedded: ${text} (${why})`,
      });
    }
    if (this.#options.strict) refuseUnresolved(found.unresolved);
    const byReference = new Map(found.wanted.map((image) => [image.reference, image]));
    for (const { reference, wantedBy } of extraImages) {
      const before = byReference.get(reference)?.wantedBy ?? [];
      byReference.set(reference, { reference, wantedBy: [...before, ...wantedBy] });
    }
    const wanted = [...byReference.values()].filter(({ reference }) => !ignoredImages.has(reference));
    return { wanted, unresolved: found.unresolved };
  }

  async #embed(
    wanted: readonly WantedImage[],
    base: ClusterImage | undefined,
    view: RootfsView,
  ): Promise<EmbeddedImages> {
    const { store, imagesFrom, registries, embed, signal } = this.#options;
    const archives: string[] = [];
    for (const { path, kind, places } of await view.list("images")) {
      if (kind === "file" && /\.tar$/.test(path)) archives.push(places[0]!);
    }
    const named = findArchivesIn(imagesFrom, { store, progress: this.#progress, signal });
    const own = findArchivesIn(archives, {
      store,
      progress: this.#progress,
      signal,
      place: "images/*.tar of the rootfs",
      lenient: true,
    });
    try {
      const finders = [
        ...(imagesFrom.length > 0 ? [named] : []),
        ...(archives.length > 0 ? [own] : []),
        findInStore(store),
        ...registries,
      ];
      const { embedded, indexes } = await embedImages(embed ? wanted : [], {
        store,
        platform: this.#platform,
        finders,
        base,
        progress: this.#progress,
        signal,
      });
      return { embedded, indexes };
    } finally {
      await Promise.all([named.close(), own.close()]);
    }
  }
}

function refuseUnresolved([first, ...others]: readonly UnresolvedImage[]): void {
  if (!first) return;
  const more = others.length > 0 ? ` (and ${others.length} more)` : "";
  throw new SealerError("IMAGE_NOT_FOUND", `the image "${first.text}" cannot be told: ${first.why}${more}`, {
    where: `${first.file}:${first.line}`,
    hint: "Write the image out, list it in manifests/imageList, or build without --strict.",
  });
}

function readPlatform(text: string, file: string, line: number): Platform {
  try {
    return parsePlatform(text);
  } catch (cause) {
    throw kubefileError(file, line, `FROM: ${(cause as Error).message}`, { cause });
  }
}

/** The same failure, told with the line that asked for it. */
function atLine(error: unknown, where: string): unknown {
  if (!(error instanceof SealerError)) return error;
  return new SealerError(error.code, error.message, { where, hint: error.hint, cause: error.cause });
}
