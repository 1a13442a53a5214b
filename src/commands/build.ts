import { readFile, stat } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { buildCacheIn, buildImage, parseImageList, type WantedImage } from "#build";
import { command } from "#cli";
import { inspectView } from "#cluster-image";
import { nearest, SealerError } from "#errors";
import { fsError } from "#files";
import { formatPlatform, type Platform, parsePlatform } from "#oci";
import { builtText } from "./shared/built-text.ts";
import { checkNewName } from "./shared/check-new-name.ts";
import { fetchBase } from "./shared/fetch-base.ts";
import { findInRegistries } from "./shared/find-in-registries.ts";
import { oneOf } from "./shared/one-of.ts";
import { openImages, ownPlatform, withTag } from "./shared/open-images.ts";
import { sealerVersion } from "./shared/sealer-version.ts";

export const build = command({
  name: "build",
  summary: "Build a ClusterImage from a Kubefile",
  json: '{name, digest, kind: "kubernetes" | "application", created, labels, env, cmd: [...], apps: [...], platforms: [{platform, digest, layers: [{id, digest, size, createdBy, path}]}], embedded: [{reference, platform, digest, size, wantedBy: [{file, line}]}], unresolved: [{file, line, text, why}]}',
  operands: "[PATH]",
  flags: {
    tag: {
      type: "string",
      short: "t",
      value: "NAME",
      aliases: ["imageName"],
      summary: "What the image is called",
    },
    file: {
      type: "string",
      short: "f",
      value: "FILE",
      aliases: ["kubefile"],
      summary: "The Kubefile; Kubefile or kubefile in PATH unless told",
    },
    "build-arg": {
      type: "string",
      multiple: true,
      value: "K=V",
      summary: "A value for an ARG of the Kubefile",
    },
    platform: {
      type: "string",
      multiple: true,
      value: "OS/ARCH",
      summary: "Platforms to build for (also comma-separated); this machine's unless told",
    },
    "no-cache": { type: "boolean", summary: "Do every instruction again" },
    base: {
      type: "string",
      value: "true|false",
      summary: "false leaves the base image out: an application image",
    },
    type: {
      type: "string",
      value: "TYPE",
      summary: "kube-installer or app-installer; found out unless told",
    },
    "build-mode": { type: "string", value: "MODE", summary: "all, or lite: without container images" },
    "image-list": { type: "string", value: "FILE", summary: "More container images to embed, one a line" },
    "ignored-image-list": {
      type: "string",
      value: "FILE",
      summary: "Container images not to embed, one a line",
    },
    "images-from": {
      type: "string",
      multiple: true,
      value: "PATH",
      summary: "Archives, OCI layouts, or a folder of those, to take container images from",
    },
    strict: { type: "boolean", summary: "Fail where an image cannot be told before the cluster runs" },
    network: { type: "string", value: "default|none", summary: "none: RUN instructions have no network" },
    compression: { type: "string", value: "zstd|gzip", summary: "Of layers; zstd unless told" },
  },
  description: [
    "PATH is the folder that COPY takes files from, this one unless told. Container images that the rootfs names (in",
    "manifests/imageList and in the YAML files of manifests) are embedded: from --images-from, from images/*.tar of the",
    "rootfs, from images on this machine, or from their registries.",
    "",
    "  sealer build -t my-cluster:v1 .",
  ].join("\n"),
  async run({ flags, operands: [path = "."] }, context) {
    const { cwd, env, root, progress, signal } = context;
    if (flags.tag === undefined) {
      throw new SealerError("USAGE", "build needs the image's name", {
        hint: "sealer build -t my-cluster:v1 .",
      });
    }
    await using images = await openImages(context);
    checkNewName(flags.tag, images.config.defaults);
    await images.leaseLayers();
    const folder = resolve(cwd, path);
    const image = await buildImage({
      context: folder,
      kubefile: await readKubefile(flags.file, folder, cwd),
      tag: withTag(flags.tag),
      platforms: platformsOf(flags.platform),
      buildArgs: buildArgsOf(flags["build-arg"], env),
      store: images.store,
      overlayDir: images.overlayDir,
      cacheDir: buildCacheIn(root),
      noCache: flags["no-cache"],
      compression: oneOf("--compression", flags.compression ?? "zstd", ["zstd", "gzip"]),
      network: oneOf("--network", flags.network ?? "default", ["default", "none"]),
      epoch: epochOf(env.SOURCE_DATE_EPOCH),
      version: await sealerVersion(),
      kind: kindOf(flags.type),
      withoutBase: oneOf("--base", flags.base ?? "true", ["true", "false"]) === "false",
      fetchBase: (name) => fetchBase(name, folder, images, context),
      imagesFrom: flags["images-from"].map((one) => resolve(cwd, one)),
      registries: [findInRegistries(images.config, context)],
      extraImages: await listedImages(flags["image-list"], cwd),
      ignoredImages: new Set(
        (await listedImages(flags["ignored-image-list"], cwd)).map(({ reference }) => reference),
      ),
      embed: oneOf("--build-mode", flags["build-mode"] ?? "all", ["all", "lite"]) === "all",
      strict: flags.strict,
      progress,
      signal,
    });
    context.result(inspectView(image, images.overlayDir), () => builtText(image));
  },
});

/** Messages name the Kubefile as it was typed, or by its name where it was found in the build folder. */
async function readKubefile(typed: string | undefined, folder: string, cwd: string) {
  if (typed !== undefined) {
    const text = await readFile(resolve(cwd, typed), "utf8").catch((error) => {
      throw fsError(error, "read the Kubefile", typed);
    });
    return { text, file: typed };
  }
  const found = await stat(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw fsError(error, "build from the folder", folder);
    throw new SealerError("FILE_NOT_FOUND", `there is no folder ${folder}`, {
      hint: "sealer build -t NAME PATH",
    });
  });
  if (!found.isDirectory()) {
    throw new SealerError("FILE_INVALID", `${folder} is a file, not a folder to build from`, {
      hint: `To name the Kubefile: sealer build -t NAME -f ${relative(cwd, folder)} PATH`,
    });
  }
  for (const name of ["Kubefile", "kubefile"]) {
    const text = await readFile(join(folder, name), "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw fsError(error, "read the Kubefile", join(folder, name));
    });
    if (text !== undefined) return { text, file: name };
  }
  throw new SealerError("FILE_NOT_FOUND", `there is no ${relative(cwd, join(folder, "Kubefile"))}`, {
    where: join(folder, "Kubefile"),
    hint: "Write a Kubefile there, or name another file by -f.",
  });
}

function platformsOf(lists: readonly string[]): Platform[] {
  const platforms = lists.flatMap((list) => list.split(",")).map(hostPlatform);
  const distinct = new Map(platforms.map((platform) => [formatPlatform(platform), platform]));
  return distinct.size > 0 ? [...distinct.values()] : [ownPlatform];
}

/** One that hosts can have: Kubernetes masters run Linux, on these machines. */
function hostPlatform(text: string): Platform {
  const platform = parsePlatform(text);
  const { os, architecture } = platform;
  const machines = ["amd64", "arm64", "arm", "386", "ppc64le", "s390x", "riscv64", "loong64", "mips64le"];
  if (os === "linux" && machines.includes(architecture)) return platform;
  const meant = nearest(architecture, machines);
  throw new SealerError("USAGE", `a ClusterImage cannot be for ${formatPlatform(platform)}`, {
    where: "--platform",
    hint:
      os === "linux" && meant ? `Did you mean linux/${meant}?` : `It is for Linux on ${machines.join(", ")}.`,
  });
}

/** `K=V`; `K` alone takes the value of the environment, as with Docker. */
function buildArgsOf(
  pairs: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const args = Object.create(null) as Record<string, string>;
  for (const pair of pairs) {
    const equals = pair.indexOf("=");
    const name = equals < 0 ? pair : pair.slice(0, equals);
    if (!/^[\p{L}_][\p{L}\d_]*$/u.test(name)) {
      throw new SealerError("USAGE", `--build-arg ${pair} has no name`, {
        hint: "Write --build-arg NAME=value.",
      });
    }
    const value = equals < 0 ? env[name] : pair.slice(equals + 1);
    if (value !== undefined) args[name] = value;
  }
  return args;
}

function epochOf(text: string | undefined): number {
  if (text === undefined || text === "") return 0;
  if (/^\d{1,11}$/.test(text)) return Number(text);
  throw new SealerError("USAGE", `SOURCE_DATE_EPOCH is "${text}", not a number of seconds`);
}

function kindOf(type: string | undefined) {
  if (type === undefined) return undefined;
  return oneOf("--type", type, ["kube-installer", "app-installer"]) === "kube-installer"
    ? "kubernetes"
    : "application";
}

async function listedImages(path: string | undefined, cwd: string): Promise<WantedImage[]> {
  if (path === undefined) return [];
  const text = await readFile(resolve(cwd, path), "utf8").catch((error) => {
    throw fsError(error, "read the image list", path);
  });
  return parseImageList(text, path).map(({ reference, line }) => ({
    reference,
    wantedBy: [{ file: path, line }],
  }));
}
