import { resolve } from "node:path";
import { type Context, command } from "#cli";
import { readClusterImage } from "#cluster-image";
import { writeDockerArchive, writeOciArchive, writeOciFolder } from "#content";
import { SealerError } from "#errors";
import { type Platform, parsePlatform } from "#oci";
import { oneOf } from "./shared/one-of.ts";
import { type Images, openImages, ownPlatform } from "./shared/open-images.ts";

const forms = ["oci-archive", "oci-dir", "docker-archive"] as const;

export const save = command({
  name: "save",
  summary: "Write an image to an archive or a folder",
  json: "{name, digest, file, format}",
  operands: "IMAGE",
  flags: {
    output: { type: "string", short: "o", value: "FILE", summary: "Where to; - is stdout" },
    format: {
      type: "string",
      multiple: true,
      value: "FORM",
      summary:
        "oci-archive (unless told), oci-dir, or docker-archive, which holds the rootfs only; json for the result",
    },
    platform: {
      type: "string",
      value: "OS/ARCH",
      summary: "Which rootfs docker-archive holds; this machine's unless told",
    },
  },
  description:
    "  sealer save -o kubernetes.tar kubernetes:v1.20.2\n  sealer save -o - kubernetes:v1.20.2 | ssh host sealer load -i -",
  async run({ flags, operands: [typed = ""] }, context) {
    const form = oneOf("--format", flags.format.find((one) => !isResultForm(one)) ?? "oci-archive", forms);
    const { output } = flags;
    if (output === undefined) {
      throw new SealerError("USAGE", "save needs to know where to", { hint: `sealer save -o FILE ${typed}` });
    }
    if (output === "-" && context.stdout.isTTY) {
      throw new SealerError("USAGE", "an archive cannot go to a terminal", {
        hint: "Name a file by -o, or use a pipe.",
      });
    }
    if (flags.platform !== undefined && form !== "docker-archive") {
      throw new SealerError("USAGE", `--platform is for docker-archive: ${form} holds all platforms`, {
        hint: "Leave --platform out, or choose --format docker-archive.",
      });
    }
    await using images = await openImages(context);
    const name = await images.nameOf(typed);
    const platform =
      flags.platform === undefined ? await usualPlatform(name, images) : parsePlatform(flags.platform);
    await write(
      form,
      name,
      output === "-" ? context.stdout : resolve(context.cwd, output),
      platform,
      images,
      context,
    );
    if (output === "-") return;
    const { digest } = await images.store.resolve(name);
    const result = { name, digest, file: resolve(context.cwd, output), format: form };
    if (flags.format.includes("json")) context.stdout.write(`${JSON.stringify(result)}\n`);
    else context.result(result, () => `Saved ${name} to ${output}`);
  },
});

function isResultForm(text: string): boolean {
  return text === "json" || text === "text";
}

/** This machine's, unless the image is for another one only. */
async function usualPlatform(name: string, { store }: Images): Promise<Platform> {
  const { platforms } = await readClusterImage(store, name);
  const [only] = platforms;
  return only && platforms.length === 1 ? only.platform : ownPlatform;
}

async function write(
  form: (typeof forms)[number],
  name: string,
  out: string | Context["stdout"],
  platform: Platform,
  { store }: Images,
  { progress, signal }: Context,
): Promise<void> {
  switch (form) {
    case "oci-archive":
      await writeOciArchive(name, store, out, { progress, signal });
      return;
    case "oci-dir":
      if (typeof out !== "string") {
        throw new SealerError("USAGE", "a folder cannot go to stdout", {
          hint: "Name a folder by -o, or leave --format out.",
        });
      }
      await writeOciFolder(name, store, out, { progress, signal });
      return;
    case "docker-archive":
      await writeDockerArchive(name, store, platform, out, { signal });
  }
}
