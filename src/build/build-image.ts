import { join } from "node:path";
import {
  type Application,
  type ClusterImage,
  type ClusterImageParts,
  composeClusterImage,
  type Extension,
  launchCommand,
  RootfsView,
  readClusterImage,
  rootfsFor,
  type UnresolvedImage,
  unpackRootfs,
} from "#cluster-image";
import type { ImageStore } from "#content";
import { SealerError } from "#errors";
import { type Instruction, kubefileError, parseKubefile } from "#kubefile";
import {
  type Descriptor,
  formatPlatform,
  type HistoryEntry,
  type ImageConfig,
  type Platform,
  parsePlatform,
  platformMatches,
} from "#oci";
import { noProgress, type Progress } from "#progress";
import { findArchivesIn } from "./archive-finder.ts";
import { BuildFolder } from "./build-folder.ts";
import { type EmbeddedImages, embedImages } from "./embed-images.ts";
import { findContainerImages, type WantedImage } from "./find-container-images.ts";
import { findInStore } from "./find-in-store.ts";
import type { ImageFinder } from "./image-finder.ts";
import { LayerBuilder } from "./layer-builder.ts";
import { type BuildPlan, changeApps, planBase, planBuild } from "./plan-build.ts";

export interface BuildOptions {
  /** The folder that COPY takes files from. */
  readonly context: string;
  /** `file` is how messages name it. */
  readonly kubefile: { readonly text: string; readonly file: string };
  readonly tag: string;
  readonly platforms: readonly Platform[];
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly store: ImageStore;
  /** Where layers are unpacked. */
  readonly overlayDir: string;
  readonly cacheDir: string;
  readonly noCache: boolean;
  readonly compression: "zstd" | "gzip";
  readonly network: "default" | "none";
  /** Seconds since 1970: the time of all that is built. */
  readonly epoch: number;
  /** Which sealer builds, for the image's record. */
  readonly version: string;
  /** Undefined: `kubernetes` if the rootfs brings Kubernetes. */
  readonly kind?: ClusterImage["kind"] | undefined;
  /** Without the base: an application image of only what this Kubefile adds. */
  readonly withoutBase: boolean;
  /** Brings the image that FROM names into the store, and returns by which name it is found there. */
  readonly fetchBase: (image: string, place: { readonly line: number }) => Promise<string>;
  /** Archives, folders of archives and OCI layouts with container images. */
  readonly imagesFrom: readonly string[];
  /** Where else container images are looked for, after the archives and the store. */
  readonly registries: readonly ImageFinder[];
  /** Images wanted beside those that the rootfs names. */
  readonly extraImages: readonly WantedImage[];
  /** References, fully qualified, that are not embedded. */
  readonly ignoredImages: ReadonlySet<string>;
  /** Fail where an image cannot be told before the cluster runs. */
  readonly strict: boolean;
  /** False builds without container images. */
  readonly embed: boolean;
  readonly progress?: Progress;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Builds a ClusterImage from a Kubefile and names it in the store. Nothing is named unless everything succeeded.
 * @throws KUBEFILE_INVALID, RUN_FAILED, IMAGE_NOT_FOUND, PLATFORM_NOT_FOUND, IMAGE_LIST_INVALID, YAML_INVALID
 */
export async function buildImage(options: BuildOptions): Promise<ClusterImage> {
  const { kubefile, store, tag, signal } = options;
  const instructions = parseKubefile(kubefile.text, kubefile);
  using folder = new BuildFolder(options.context, ignoreNames(kubefile.file));
  const rootfs = [];
  const parts: EmbeddedImages[] = [];
  for (const platform of options.platforms) {
    const built = await new PlatformBuild(options, instructions, folder, platform).run();
    rootfs.push(built.rootfs);
    parts.push(built.images);
  }
  const composed: ClusterImageParts = {
    platforms: rootfs,
    embedded: parts.flatMap(({ embedded }) => embedded),
    indexes: distinct(parts.flatMap(({ indexes }) => indexes)),
  };
  const root = await composeClusterImage(composed, store, { signal });
  await store.tag(tag, root, { signal });
  return { ...(await readClusterImage(store, root.digest, { signal })), name: tag };
}

function ignoreNames(kubefile: string): string[] {
  const name = kubefile.slice(kubefile.lastIndexOf("/") + 1);
  return [`${name}.dockerignore`, ".dockerignore", ".containerignore"];
}

function distinct(indexes: ClusterImageParts["indexes"]): ClusterImageParts["indexes"] {
  return [...new Map(indexes.map((one) => [`${one.reference} ${one.descriptor.digest}`, one])).values()];
}

interface Base {
  readonly image: ClusterImage | undefined;
  readonly config: ImageConfig | undefined;
  readonly layers: readonly Descriptor[];
  readonly layerDirs: readonly string[];
}

const scratch: Base = { image: undefined, config: undefined, layers: [], layerDirs: [] };

/** The build for one platform: base, steps, embedded images, configuration. */
class PlatformBuild {
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
    return { images, rootfs: await this.#rootfs(plan, kept, layers, view, unresolved) };
  }

  async #resolveBase(): Promise<Base> {
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

  async #rootfs(
    plan: BuildPlan,
    base: Base,
    layers: LayerBuilder,
    view: RootfsView,
    unresolved: readonly UnresolvedImage[],
  ) {
    const { kind, version, kubefile } = this.#options;
    const apps = changeApps(
      new Map([...(base.image?.apps ?? []).map((app) => [app.name, app] as const), ...layers.apps]),
      plan.appChanges,
      kubefile.file,
    );
    const labels = { ...base.image?.labels, ...plan.labels };
    const type = kind ?? (await kindOf(base.image, view));
    const extension: Extension = {
      buildClient: { sealerVersion: version, buildahVersion: "" },
      schemaVersion: "v1alpha1",
      type: type === "kubernetes" ? "kube-installer" : "app-installer",
      applications: [...apps.values()],
      labels,
      env: plan.env,
      launch: launchOf(plan, base.image, apps, kubefile.file),
    };
    return {
      platform: this.#platform,
      config: this.#config(plan, base, layers, labels),
      layers: [...base.layers, ...layers.added.map(({ descriptor }) => descriptor)],
      extension,
      unresolved,
    };
  }

  #config(
    plan: BuildPlan,
    base: Base,
    layers: LayerBuilder,
    labels: Readonly<Record<string, string>>,
  ): ImageConfig {
    const created = new Date(this.#options.epoch * 1000).toISOString().replace(".000Z", "Z");
    const history: HistoryEntry[] = layers.history.map(({ createdBy, empty }) => ({
      created,
      created_by: createdBy,
      ...(empty ? { empty_layer: true } : {}),
    }));
    const author = plan.author ?? base.config?.author;
    return {
      ...this.#platform,
      created,
      ...(author === undefined ? {} : { author }),
      config: {
        ...base.config?.config,
        Env: Object.entries(plan.env).map(([name, value]) => `${name}=${value}`),
        Labels: labels,
      },
      rootfs: {
        type: "layers",
        diff_ids: [
          ...(base.config?.rootfs.diff_ids ?? []),
          ...layers.added.map(({ id }) => `sha256:${id}` as const),
        ],
      },
      history: [...(base.config?.history ?? []), ...history],
    };
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

/** The base's commands come first; the same command is not run twice. */
function launchOf(
  { launch }: BuildPlan,
  base: ClusterImage | undefined,
  apps: ReadonlyMap<string, Application>,
  file: string,
): NonNullable<Extension["launch"]> {
  const cmds = new Set(base?.cmd ?? []);
  const names = new Set<string>();
  for (const item of launch) {
    if (item.kind === "command") {
      cmds.add(item.command);
      continue;
    }
    const app = apps.get(item.name);
    if (!app) {
      throw kubefileError(file, item.line, `LAUNCH: there is no application ${item.name}`, {
        hint: apps.size > 0 ? `There are ${[...apps.keys()].join(", ")}.` : "Bring it by APP.",
      });
    }
    const command = launchCommand(app);
    if (command === undefined) {
      throw kubefileError(file, item.line, `LAUNCH: nobody says how to launch ${item.name}`, {
        hint: `Its files are neither a chart, nor all YAML, nor all shell scripts: write APPCMDS ${item.name} ["…"].`,
      });
    }
    names.add(item.name);
    cmds.add(command);
  }
  return { cmds: [...cmds], app_names: [...names] };
}

/** What only a rootfs with Kubernetes has. */
const signsOfKubernetes = ["bin/kubeadm", "bin/kubelet", "scripts/init.sh", "scripts/init-kube.sh"];

async function kindOf(base: ClusterImage | undefined, view: RootfsView): Promise<ClusterImage["kind"]> {
  if (base?.kind === "kubernetes") return "kubernetes";
  for (const path of signsOfKubernetes) if (await view.find(path)) return "kubernetes";
  return "application";
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

/** Where a cache of instructions is, below sealer's root folder. */
export function buildCacheIn(root: string): string {
  return join(root, "cache", "build");
}
