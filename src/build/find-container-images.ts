import type { RootfsView, UnresolvedImage, WantedBy } from "#cluster-image";
import { parseImageList } from "./image-list.ts";
import { imagesInYaml } from "./images-in-yaml.ts";

export interface WantedImage {
  /** Fully qualified. */
  readonly reference: string;
  readonly wantedBy: readonly WantedBy[];
}

export interface ContainerImages {
  /** By reference; each once. */
  readonly wanted: readonly WantedImage[];
  readonly unresolved: readonly UnresolvedImage[];
}

/**
 * Finds the container images that a rootfs asks for: in `manifests/imageList` and in the YAML files below `manifests`
 * and `application`. @throws IMAGE_LIST_INVALID, YAML_INVALID with `file:line`
 */
export async function findContainerImages(rootfs: RootfsView): Promise<ContainerImages> {
  const found = new Findings();
  await searchManifests("manifests", rootfs, found);
  await searchManifests("application", rootfs, found);
  await searchCharts(rootfs, found);
  return { wanted: found.wanted(), unresolved: found.unresolved };
}

async function searchManifests(folder: string, rootfs: RootfsView, found: Findings): Promise<void> {
  const entries = await rootfs.list(folder);
  if (folder !== "manifests" && entries.some(({ path }) => path.endsWith("/Chart.yaml"))) {
    found.chart(`${folder}/Chart.yaml`);
    return;
  }
  for (const { path, kind } of entries) {
    if (kind === "directory") await searchManifests(path, rootfs, found);
    else if (path === "manifests/imageList") {
      for (const { reference, line } of parseImageList(await readText(rootfs, path), path)) {
        found.want(reference, { file: path, line });
      }
    } else if (/\.(ya?ml|tmpl)$/.test(path))
      found.add(path, imagesInYaml(await readText(rootfs, path), path));
  }
}

async function searchCharts(rootfs: RootfsView, found: Findings): Promise<void> {
  for (const { path, kind } of await rootfs.list("charts")) {
    if (kind === "directory" && (await rootfs.find(`${path}/Chart.yaml`))) found.chart(`${path}/Chart.yaml`);
    if (kind === "file" && /\.tgz$/.test(path)) found.chart(path);
  }
}

class Findings {
  readonly unresolved: UnresolvedImage[] = [];
  readonly #wanted = new Map<string, WantedBy[]>();

  want(reference: string, by: WantedBy): void {
    const others = this.#wanted.get(reference);
    if (others) others.push(by);
    else this.#wanted.set(reference, [by]);
  }

  add(file: string, { wanted, unresolved }: ReturnType<typeof imagesInYaml>): void {
    for (const { reference, line } of wanted) this.want(reference, { file, line });
    for (const { line, text, why } of unresolved) this.unresolved.push({ file, line, text, why });
  }

  chart(file: string): void {
    const why = "this version of sealer does not render charts: list its images in manifests/imageList";
    this.unresolved.push({ file, line: 1, text: "images of the chart", why });
  }

  wanted(): WantedImage[] {
    return [...this.#wanted]
      .map(([reference, wantedBy]) => ({ reference, wantedBy }))
      .sort((a, b) => (a.reference < b.reference ? -1 : 1));
  }
}

async function readText(rootfs: RootfsView, path: string): Promise<string> {
  return (await rootfs.read(path))?.toString() ?? "";
}
