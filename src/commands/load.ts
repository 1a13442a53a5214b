import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { nameless } from "#build";
import { type Context, command } from "#cli";
import { type ImageArchive, importImage, openArchive } from "#content";
import { SealerError } from "#errors";
import { temporaryDirectory } from "#files";
import { type Digest, isDigest } from "#oci";
import { checkNewName } from "./shared/check-new-name.ts";
import { type Images, openImages, withTag } from "./shared/open-images.ts";

export const load = command({
  name: "load",
  summary: "Bring images from an archive or a folder to this machine",
  json: "[{name, digest}]",
  operands: "[FILE]",
  flags: {
    input: {
      type: "string",
      short: "i",
      value: "FILE",
      summary: "Archive (OCI's or Docker's) or OCI layout, instead of FILE; - is stdin",
    },
    tag: { type: "string", short: "t", value: "NAME", summary: "Another name for the one image in it" },
  },
  description: "  sealer load -i kubernetes.tar",
  async run({ flags, operands: [file] }, context) {
    const { tag, input = file } = flags;
    if (input === undefined) {
      throw new SealerError("USAGE", "load needs an archive", { hint: "sealer load -i FILE" });
    }
    if (file !== undefined && flags.input !== undefined) {
      throw new SealerError("USAGE", `load takes one archive, not ${input} and ${file}`);
    }
    await using images = await openImages(context);
    if (tag !== undefined) checkNewName(tag, images.config.defaults);
    if (input !== "-") {
      await loadFrom(resolve(context.cwd, input), tag, images, context);
      return;
    }
    await mkdir(join(context.root, "data"), { recursive: true, mode: 0o700 });
    await using folder = await temporaryDirectory(join(context.root, "data"), ".load-");
    const copy = join(folder.path, "archive");
    await pipeline(context.stdin, createWriteStream(copy), { signal: context.signal });
    await loadFrom(copy, tag, images, context).catch((error: unknown) => {
      throw ofStandardInput(error, copy);
    });
  },
});

/** Our copy of standard input is gone when the message is read. */
function ofStandardInput(error: unknown, copy: string): unknown {
  if (!(error instanceof SealerError) || error.where !== copy) return error;
  const { code, message, hint, cause } = error;
  return new SealerError(code, message.replaceAll(copy, "standard input"), { hint, cause });
}

async function loadFrom(
  path: string,
  tag: string | undefined,
  images: Images,
  context: Context,
): Promise<void> {
  const archive = await openArchive(path, { signal: context.signal });
  const loaded: { name: string; digest: Digest }[] = [];
  try {
    for (const [name, called] of await namesOf(archive, path, tag)) {
      const { progress, signal } = context;
      const root = await importImage(archive, name, nameless(images.store), { progress, signal });
      await images.store.tag(called, root, { signal });
      await images.unpack(called);
      loaded.push({ name: called, digest: root.digest });
    }
  } finally {
    await archive.close();
  }
  context.result(loaded, () => loaded.map(({ name, digest }) => `Loaded ${name} (${digest})`).join("\n"));
}

/** What to load, and what it is to be called. */
async function namesOf(
  archive: ImageArchive,
  path: string,
  tag: string | undefined,
): Promise<[string, string][]> {
  const all = await archive.names();
  const names = tag === undefined ? all.filter((name) => !isDigest(name)) : all;
  if (names.length === 0) {
    throw new SealerError("IMAGE_NOT_FOUND", `${path} holds no image with a name`, {
      where: path,
      hint:
        all.length === 1
          ? "Give it one by -t."
          : "Save it again under a name: sealer save and docker save give one.",
    });
  }
  if (tag === undefined) return names.map((name) => [name, withTag(name)]);
  if (names.length === 1) return [[names[0]!, withTag(tag)]];
  throw new SealerError("USAGE", `${path} holds ${names.length} images, and -t names one`, {
    hint: `It holds ${names.join(", ")}. Load them without -t.`,
  });
}
