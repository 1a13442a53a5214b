import { Readable } from "node:stream";
import { RootfsView } from "#cluster-image";
import { mapLimited } from "#concurrency";
import {
  type ContentSource,
  copyImage,
  type ImageArchive,
  importDockerImage,
  OciLayout,
  openArchive,
  RegistryClient,
} from "#content";
import { SealerError } from "#errors";
import { temporaryDirectory } from "#files";
import { isIndex } from "#oci";
import { placeOf } from "../pushed-images.ts";
import type { Site } from "../site.ts";
import type { PushedImage, StepOf } from "../step.ts";

/** Puts the embedded images, and the archives of the rootfs, into the registry on its host, through our connection to it. */
export async function pushImages(
  step: StepOf<"push-images">,
  site: Site,
  signal: AbortSignal | undefined,
): Promise<void> {
  const sent = new Tally(step, site);
  await mapLimited(
    step.images,
    4,
    async (image, stop) => {
      await copyImage(image.reference, sourceOf(image, site.content), client(image.repository, step, site), {
        targetReference: image.tag,
        platforms: ({ digest, mediaType }) => isIndex(mediaType) || image.held.includes(digest),
        progress: sent.progress,
        parent: step.id,
        signal: stop,
      });
    },
    { signal },
  );
  for (const path of step.archives) await pushArchive(path, step, site, signal);
}

/** The store, with the image's root document told, and made where it was made here. */
function sourceOf({ descriptor, made }: PushedImage, store: ContentSource): ContentSource {
  return {
    resolve: async () => descriptor,
    open: async (content, options) =>
      made !== undefined && content.digest === descriptor.digest
        ? Readable.from([Buffer.from(made, "base64")])
        : store.open(content, options),
  };
}

function client(repository: string, step: StepOf<"push-images">, site: Site): RegistryClient {
  const { domain, port } = site.blueprint.registry;
  return new RegistryClient({
    domain: `${domain}:${port}`,
    repository,
    ca: site.pki.ca,
    credentials: async () => site.registryLogin,
    connect: () => site.host(step.host).connect(step.host, port),
  });
}

async function pushArchive(
  path: string,
  step: StepOf<"push-images">,
  site: Site,
  signal: AbortSignal | undefined,
): Promise<void> {
  const view = new RootfsView(site.blueprint.platforms[0]?.folders ?? []);
  const entry = await view.find(path);
  const file = entry?.places[0];
  if (!file) throw new SealerError("IMAGE_INVALID", `the rootfs has no ${path}`, { where: path });
  await using archive = disposable(await openArchive(file));
  const { domain, port } = site.blueprint.registry;
  for (const name of await archive.it.names()) {
    const { repository, tag } = placeOf(name, `${domain}:${port}`);
    const target = client(repository, step, site);
    const options = { targetReference: tag, progress: site.progress, parent: step.id, signal };
    if (archive.it.kind === "docker-archive") {
      await using folder = await temporaryDirectory(site.home.folder, ".archive-");
      const layout = await OciLayout.create(folder.path);
      await importDockerImage(archive.it, name, layout, { signal });
      await copyImage(name, layout, target, options);
    } else {
      await copyImage(name, archive.it, target, options);
    }
  }
}

function disposable(it: ImageArchive) {
  return { it, [Symbol.asyncDispose]: () => it.close() };
}

/** Adds up what the copies move, so that the step itself tells how far it is. */
class Tally {
  readonly #bytes = new Map<string, number>();
  readonly #step: StepOf<"push-images">;
  readonly #site: Site;

  constructor(step: StepOf<"push-images">, site: Site) {
    this.#step = step;
    this.#site = site;
  }

  readonly progress: Site["progress"] = (event) => {
    this.#site.progress(event);
    if (event.type !== "task-advanced") return;
    this.#bytes.set(event.id, event.bytes);
    const sum = [...this.#bytes.values()].reduce((total, bytes) => total + bytes, 0);
    this.#site.progress({ type: "task-advanced", id: this.#step.id, bytes: sum });
  };
}
