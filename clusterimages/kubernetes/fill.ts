import { chmod, copyFile, cp, mkdir, readdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { SealerError } from "#errors";
import { fillFromDebian } from "./fill/debian-fill.ts";
import { FillCache } from "./fill/fill-cache.ts";

const usage = `Fills the rootfs of the base image kubernetes:v1.20.2, for sealer build.

  bin/node clusterimages/kubernetes/fill.ts --from debian --output FOLDER --registry-image registry.tar

  --from debian            where the programs come from: Debian 12's packages and source package
  --output FOLDER          becomes FOLDER/rootfs (the build context, with its Kubefile) and
                           FOLDER/container-images (archives, for sealer build --images-from)
  --registry-image FILE    the archive of the built-in registry's image (clusterimages/registry makes it)
  --cache FOLDER           keeps what was downloaded and built (default /var/cache/sealer)
`;

async function main(): Promise<void> {
  const { values: flags } = parseArgs({
    options: {
      from: { type: "string" },
      output: { type: "string" },
      cache: { type: "string", default: "/var/cache/sealer" },
      "registry-image": { type: "string" },
      help: { type: "boolean" },
    },
  });
  if (flags.help) {
    console.log(usage);
    return;
  }
  if (!flags.output) throw new SealerError("USAGE", "--output is missing", { hint: usage });
  const cache = new FillCache(join(resolve(flags.cache), "kubernetes"), (text) =>
    console.error(`fill: ${text}`),
  );
  const target = {
    rootfs: join(resolve(flags.output), "rootfs"),
    containerImages: join(resolve(flags.output), "container-images"),
  };
  await rm(target.rootfs, { recursive: true, force: true });
  await rm(target.containerImages, { recursive: true, force: true });
  await mkdir(target.containerImages, { recursive: true });
  await cp(join(import.meta.dirname, "rootfs"), target.rootfs, { recursive: true });
  switch (flags.from) {
    case "debian":
      await fillFromDebian(target, cache);
      break;
    default:
      throw new SealerError("USAGE", `--from ${flags.from ?? ""}: must be debian or official`);
  }
  await mkdir(join(target.rootfs, "images"), { recursive: true });
  if (flags["registry-image"]) {
    await copyFile(flags["registry-image"], join(target.rootfs, "images/registry.tar"));
  }
  for (const folder of ["bin", "scripts"]) {
    for (const name of await readdir(join(target.rootfs, folder)))
      await chmod(join(target.rootfs, folder, name), 0o755);
  }
}

try {
  await main();
} catch (error) {
  if (!(error instanceof SealerError)) throw error;
  console.error(`fill: ${error.message}${error.hint ? `\n${error.hint}` : ""}`);
  process.exitCode = error.exitCode;
}
