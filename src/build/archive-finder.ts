import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { type ImageArchive, type ImageStore, importDockerImage, openArchive } from "#content";
import { SealerError } from "#errors";
import { formatReference, parseReference, type Reference } from "#oci";
import type { Progress } from "#progress";
import type { FoundImage, ImageFinder } from "./image-finder.ts";
import { nameless } from "./nameless.ts";

export interface ArchiveFinderOptions {
  readonly store: ImageStore;
  readonly progress: Progress;
  readonly signal?: AbortSignal | undefined;
  /** How messages name the place; the paths themselves unless told. */
  readonly place?: string;
  /** Archives that hold no images are passed over. */
  readonly lenient?: boolean;
}

/**
 * Container images in archives (OCI or Docker's), OCI layouts, and folders of those. They are opened when the first image
 * is looked for.
 */
export function findArchivesIn(
  paths: readonly string[],
  options: ArchiveFinderOptions,
): ImageFinder & { close(): Promise<void> } {
  let opened: Promise<readonly NamedArchive[]> | undefined;
  return {
    placeOf: () => options.place ?? paths.join(", "),
    async find(reference) {
      opened ??= openAll(paths, options);
      const archives = await opened;
      for (const { archive, names } of archives) {
        const name = names.get(formatReference(reference));
        if (name !== undefined) return take(archive, name, options);
      }
      return { why: whyNot(reference, archives) };
    },
    async close() {
      const archives = await (opened ?? []);
      await Promise.all(archives.map(({ archive }) => archive.close()));
    },
  };
}

interface NamedArchive {
  readonly archive: ImageArchive;
  /** What the archive calls its images, by their fully qualified names. */
  readonly names: ReadonlyMap<string, string>;
}

async function openAll(
  paths: readonly string[],
  { lenient = false }: ArchiveFinderOptions,
): Promise<NamedArchive[]> {
  const archives: NamedArchive[] = [];
  for (const path of (await Promise.all(paths.map(archivesAt))).flat()) {
    const archive = await openArchive(path).catch((error: unknown) => {
      if (lenient && error instanceof SealerError) return undefined;
      throw error;
    });
    if (archive) archives.push({ archive, names: byFullName(await archive.names()) });
  }
  return archives;
}

/** A folder that is no OCI layout is a folder of archives and layouts. */
async function archivesAt(path: string): Promise<string[]> {
  const there = await stat(path).catch(() => undefined);
  if (!there) {
    throw new SealerError("FILE_NOT_FOUND", `${path} is not there`, {
      where: path,
      hint: "--images-from takes an archive, an OCI layout, or a folder of those.",
    });
  }
  if (!there.isDirectory()) return [path];
  const names = (await readdir(path)).sort();
  if (names.includes("oci-layout")) return [path];
  const inside: string[] = [];
  for (const name of names) {
    const isLayout = await stat(join(path, name, "oci-layout")).then(
      () => true,
      () => false,
    );
    if (isLayout || /\.(tar|tgz|tar\.(gz|zst))$/.test(name)) inside.push(join(path, name));
  }
  if (inside.length > 0) return inside;
  throw new SealerError("FILE_INVALID", `${path} is neither an OCI layout nor a folder of image archives`, {
    where: path,
    hint: "Archives end in .tar, .tar.gz, .tgz or .tar.zst.",
  });
}

function byFullName(names: readonly string[]): Map<string, string> {
  const full = new Map<string, string>();
  for (const name of names) {
    try {
      full.set(formatReference(parseReference(name)), name);
    } catch (error) {
      if (!(error instanceof SealerError)) throw error;
    }
  }
  return full;
}

/** Docker's archives hold no manifests: the store gets the image in the form that a push would give it. */
async function take(
  archive: ImageArchive,
  name: string,
  { store, progress, signal }: ArchiveFinderOptions,
): Promise<FoundImage> {
  if (archive.kind === "docker-archive") {
    return {
      source: store,
      root: await importDockerImage(archive, name, nameless(store), { progress, signal }),
    };
  }
  return { source: archive, root: await archive.resolve(name) };
}

function whyNot(reference: Reference, archives: readonly NamedArchive[]): string {
  const names = archives.flatMap(({ names }) => [...names.keys()]);
  const others = names.filter((name) => parseReference(name).repository === reference.repository);
  if (others.length > 0) return `there is only ${others.join(", ")}`;
  return names.length === 0 ? "it holds no named images" : `it holds ${names.length} other images`;
}
