import type { RootfsView } from "#cluster-image";
import { nearest } from "#errors";
import { kubefileError } from "#kubefile";
import { parseYaml } from "#yaml";
import type { BuildFolder, FolderEntry } from "./build-folder.ts";
import { pathPattern } from "./ignore-patterns.ts";

/** A COPY with its variables expanded. */
export interface CopyStep {
  readonly file: string;
  readonly line: number;
  readonly word: string;
  readonly sources: readonly string[];
  readonly target: string;
  readonly uid: number;
  readonly gid: number;
  readonly chmod?: number;
}

/** One entry of the layer that a COPY makes. */
export interface LayerEntry {
  /** Relative to the rootfs. */
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Where it comes from; nothing for a folder on the way to the target. */
  readonly from?: FolderEntry;
}

/** Folders of a rootfs that a target without a slash means, even before they are there. */
const ownFolders = new Set(
  "bin etc images charts manifests plugins plugin scripts statics registry cri application".split(" "),
);

/**
 * Decides what a COPY puts where, sorted by path. A folder's content is copied, not the folder; but a chart that goes to
 * `charts` keeps its folder.
 * @throws KUBEFILE_INVALID
 */
export async function planCopy(
  step: CopyStep,
  folder: BuildFolder,
  rootfs: RootfsView,
): Promise<LayerEntry[]> {
  const { found, hasWildcard } = findSources(step, folder);
  const target = await findTarget(step, rootfs);
  const isFolder = target.isFolder || step.sources.length > 1 || hasWildcard || ownFolders.has(target.path);
  const layer = new Map<string, LayerEntry>();
  const put = async (path: string, from: FolderEntry) => {
    await checkPlace(path, from, step, rootfs);
    const before = layer.get(path);
    if (before?.from && (before.from.kind === "directory") !== (from.kind === "directory")) {
      throw fail(step, `${path} comes twice, as a folder and as a file`);
    }
    const { uid, gid } = step;
    layer.set(path, { path, from, uid, gid, mode: step.chmod ?? Number(from.stat.mode & 0o7777n) });
  };
  for (const source of found) {
    if (step.word === "ADD") refuseArchive(source, step, folder);
    const name = nameOf(source, folder);
    if (source.kind !== "directory") {
      await put(isFolder ? inside(target.path, name) : target.path, source);
      continue;
    }
    if (target.isFile)
      throw fail(
        step,
        `${step.target} is a file in the rootfs, so the folder ${source.path} cannot go there`,
      );
    const isChart =
      target.path === "charts" && folder.find(inside(source.path, "Chart.yaml"))?.kind === "file";
    const place = isChart ? `charts/${name}` : target.path;
    const fresh = place !== "" && (await rootfs.find(place)) === undefined;
    if (fresh) await put(place, source);
    for (const entry of folder.walk(source.path)) {
      if (entry.kind === "other") continue;
      await put(inside(place, entry.path.slice(source.path === "" ? 0 : source.path.length + 1)), entry);
    }
  }
  if (isFolder && layer.size === 0 && target.path !== "") await addFolder(target.path, layer, rootfs);
  for (const path of [...layer.keys()]) await addParents(path, layer, rootfs);
  return [...layer.values()].sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
}

function findSources(step: CopyStep, folder: BuildFolder) {
  let hasWildcard = false;
  const found = step.sources.flatMap((source) => {
    const path = cleanSource(source, step);
    if (!/(?<!\\)[*?[]/.test(path)) return [findOne(path, source, step, folder)];
    hasWildcard = true;
    const patterns = path.split("/").map((segment) => patternOf(segment, source, step));
    const matches = matching(patterns, "", folder);
    if (matches.length === 0) throw fail(step, `nothing in the build folder matches ${source}`);
    return matches;
  });
  return { found, hasWildcard };
}

function cleanSource(source: string, step: CopyStep): string {
  if (/^[a-z]+:\/\/|^git@/.test(source)) {
    throw fail(
      step,
      `this version of sealer cannot ${step.word} from ${source}`,
      "Download it next to the Kubefile and COPY it from there.",
    );
  }
  if (source.startsWith("/")) {
    throw fail(
      step,
      `${source} is not in the build folder`,
      `${step.word} takes paths relative to the build folder: ${source.slice(1) || "."}`,
    );
  }
  const parts: string[] = [];
  for (const part of source.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") {
      if (parts.length === 0)
        throw fail(
          step,
          `${source} is outside of the build folder`,
          "Build from a folder that holds everything that is copied.",
        );
      parts.pop();
    } else parts.push(part);
  }
  return parts.join("/");
}

function findOne(path: string, source: string, step: CopyStep, folder: BuildFolder): FolderEntry {
  const entry = folder.find(path.replace(/\\(.)/g, "$1"));
  const excludedBy = path === "" ? undefined : folder.ignore.excludedBy(path);
  if (entry && excludedBy !== undefined && !(entry.kind === "directory" && folder.ignore.hasExceptions)) {
    throw fail(
      step,
      `${source} is kept out by the pattern "${excludedBy}" of .dockerignore`,
      `Add a line !${path} to .dockerignore.`,
    );
  }
  if (entry?.kind === "other")
    throw fail(step, `${source} is a device, a fifo or a socket, which cannot go into an image`);
  if (entry) return entry;
  throw fail(step, `${source} is not in the build folder ${folder.root}`, hintFor(path, folder));
}

/** Docker's ADD unpacks archives. */
function refuseArchive(source: FolderEntry, step: CopyStep, folder: BuildFolder): void {
  if (source.kind !== "file") return;
  const [head = Buffer.alloc(0)] = folder.read(source);
  const isArchive =
    head.subarray(257, 262).toString() === "ustar" ||
    /\.(tar|t[gbx]z2?|tar\.(gz|bz2|xz|zst))$/.test(source.path);
  if (isArchive) {
    throw fail(
      step,
      `this version of sealer cannot unpack ${source.path}`,
      "COPY it and RUN tar -xf, or COPY what is in it.",
    );
  }
}

function hintFor(path: string, folder: BuildFolder): string | undefined {
  const above = path.slice(0, Math.max(0, path.lastIndexOf("/")));
  if (folder.find(above)?.kind !== "directory") return undefined;
  const names = folder.names(folder.find(above)!.path);
  const name = path.slice(path.lastIndexOf("/") + 1);
  if (names.includes(name)) {
    return "It is a link to what is not in the build folder, and links do not lead outside: COPY the file itself.";
  }
  const meant = nearest(name, names);
  if (meant) return `Did you mean ${above ? `${above}/` : ""}${meant}?`;
  return names.length === 0
    ? "That folder is empty."
    : `It holds ${names.slice(0, 8).join(", ")}${names.length > 8 ? ", …" : ""}.`;
}

function patternOf(segment: string, source: string, step: CopyStep): RegExp {
  const pattern = pathPattern(segment.replace(/\*{2,}/g, "*"));
  if (pattern) return pattern;
  throw fail(step, `${source} is not a pattern`, "A [ needs its ]; [[] stands for the character itself.");
}

/** Go's patterns, segment by segment: a wildcard never matches a slash. */
function matching(
  [pattern = /^$/, ...rest]: readonly RegExp[],
  at: string,
  folder: BuildFolder,
): FolderEntry[] {
  const entries = folder
    .names(at)
    .filter((name) => pattern.test(name))
    .flatMap((name) => folder.find(inside(at, name)) ?? []);
  if (rest.length > 0) {
    return entries
      .filter(({ kind }) => kind === "directory")
      .flatMap(({ path }) => matching(rest, path, folder));
  }
  return entries.filter(
    ({ kind, path }) =>
      kind !== "other" &&
      (folder.ignore.excludedBy(path) === undefined || (kind === "directory" && folder.ignore.hasExceptions)),
  );
}

/** A folder that is named `.` or `..` is called as its chart is. */
function nameOf({ path }: FolderEntry, folder: BuildFolder): string {
  if (path !== "") return path.slice(path.lastIndexOf("/") + 1);
  if (folder.find("Chart.yaml")?.kind !== "file") return "";
  const [chart] = parseYaml(folder.readText("Chart.yaml"), { file: "Chart.yaml" });
  const name = (chart?.value as Record<string, unknown> | undefined)?.name;
  return typeof name === "string" && /^[\w.-]+$/.test(name) ? name : "chart";
}

/** The target with links of the rootfs resolved, so that a layer goes where the merged rootfs would have it. */
async function findTarget(step: CopyStep, rootfs: RootfsView) {
  const parts = step.target.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes(".."))
    throw fail(step, `the target ${step.target} has .. in it`, "Targets are relative to the rootfs.");
  const slash = parts.length === 0 || /(^|\/)\.?$/.test(step.target);
  for (let length = parts.length; length > 0; length--) {
    const existing = await rootfs.find(parts.slice(0, length).join("/"));
    if (!existing) continue;
    const isWhole = length === parts.length;
    if (existing.kind !== "directory" && (!isWhole || slash)) {
      throw fail(step, `${existing.path} in the rootfs is a file, so ${step.target} cannot be a folder`);
    }
    return {
      path: [existing.path, ...parts.slice(length)].filter(Boolean).join("/"),
      isFolder: slash || (isWhole && existing.kind === "directory"),
      isFile: isWhole && existing.kind !== "directory",
    };
  }
  return { path: parts.join("/"), isFolder: slash, isFile: false };
}

/** Files replace files and folders join folders; a file never replaces a folder, nor the other way round. */
async function checkPlace(
  path: string,
  from: FolderEntry,
  step: CopyStep,
  rootfs: RootfsView,
): Promise<void> {
  const there = await rootfs.find(path, { follow: false });
  if (!there || there.kind === "symlink") return;
  const isFolder = from.kind === "directory";
  if (isFolder && there.kind !== "directory")
    throw fail(step, `${path} is a file in the rootfs and a folder in the build folder`);
  if (!isFolder && there.kind === "directory")
    throw fail(step, `${path} is a folder in the rootfs and a file in the build folder`);
}

async function addParents(path: string, layer: Map<string, LayerEntry>, rootfs: RootfsView): Promise<void> {
  for (let slash = path.lastIndexOf("/"); slash > 0; slash = path.lastIndexOf("/", slash - 1)) {
    await addFolder(path.slice(0, slash), layer, rootfs);
  }
}

/** A folder that is in the rootfs already keeps its owner and mode. */
async function addFolder(path: string, layer: Map<string, LayerEntry>, rootfs: RootfsView): Promise<void> {
  if (layer.has(path)) return;
  const there = await rootfs.find(path, { follow: false });
  const kept = there?.kind === "directory" ? there.stat : { mode: 0o755, uid: 0, gid: 0 };
  layer.set(path, { path, mode: kept.mode & 0o7777, uid: kept.uid, gid: kept.gid });
}

function inside(folder: string, name: string): string {
  return [folder, name].filter(Boolean).join("/");
}

function fail({ file, line, word }: CopyStep, message: string, hint?: string) {
  return kubefileError(file, line, `${word}: ${message}`, { hint });
}
