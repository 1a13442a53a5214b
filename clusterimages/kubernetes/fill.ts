import { chmod, copyFile, cp, mkdir, readdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { SealerError } from "#errors";
import { fillFromDebian } from "./fill/debian-fill.ts";
import { FillCache } from "./fill/fill-cache.ts";
import type { FillTarget } from "./fill/fill-target.ts";
import { fillFromOfficial } from "./fill/official-fill.ts";

const usage = `Fills the rootfs of the base image kubernetes:v1.20.2, for sealer build.

  bin/node clusterimages/kubernetes/fill.ts --from debian --output FOLDER --registry-image registry.tar

  --from debian            Kubernetes out of Debian 12's source package, the rest out of its packages;
                           also the control plane's container images
  --from official          the programs as their projects publish them, checked by digest (official.lock);
                           sealer build pulls the container images
  --output FOLDER          becomes FOLDER/rootfs (the build context, with its Kubefile) and
                           FOLDER/container-images (archives, for sealer build --images-from)
  --registry-image FILE    the archive of the built-in registry's image (clusterimages/registry makes it)
  --cache FOLDER           keeps what was downloaded and built (default /var/cache/sealer)

With --from official:
  --host-programs debian   conntrack, socat, ipset, ipvsadm from Debian's packages (needs Debian 12; the default),
                  none     or not at all: then every host must have its own conntrack
  --lock FILE              another table than official.lock
  --mirror FROM=TO         an address prefix and what stands for it, such as https://dl.k8s.io=https://mirror/k8s
  --pin                    trust what comes, and write its digests into the table
`;

async function main(): Promise<void> {
  const { values: flags } = parseArgs({
    options: {
      from: { type: "string" },
      output: { type: "string" },
      cache: { type: "string", default: "/var/cache/sealer" },
      "registry-image": { type: "string" },
      "host-programs": { type: "string", default: "debian" },
      lock: { type: "string", default: join(import.meta.dirname, "official.lock") },
      mirror: { type: "string", multiple: true, default: [] },
      pin: { type: "boolean", default: false },
      help: { type: "boolean" },
    },
  });
  if (flags.help) {
    console.log(usage);
    return;
  }
  if (!flags.output) throw usageError("--output is missing");
  if (!flags["registry-image"]) throw usageError("--registry-image is missing");
  const { from, "host-programs": hostPrograms } = flags;
  if (from !== "debian" && from !== "official") throw usageError("--from must be debian or official");
  if (hostPrograms !== "debian" && hostPrograms !== "none") {
    throw usageError("--host-programs must be debian or none");
  }
  const cache = new FillCache(join(resolve(flags.cache), "kubernetes"), (text) =>
    console.error(`fill: ${text}`),
  );
  const target = await emptyTarget(resolve(flags.output));
  switch (from) {
    case "debian":
      await fillFromDebian(target, cache);
      break;
    case "official":
      await fillFromOfficial(target, cache, {
        lockFile: flags.lock,
        pin: flags.pin,
        hostPrograms,
        mirrors: mirrorsOf(flags.mirror),
      });
      break;
  }
  await mkdir(join(target.rootfs, "images"));
  await copyFile(flags["registry-image"], join(target.rootfs, "images/registry.tar"));
  for (const folder of ["bin", "scripts"]) {
    for (const name of await readdir(join(target.rootfs, folder))) {
      await chmod(join(target.rootfs, folder, name), 0o755);
    }
  }
}

/** The folders of an output, with nothing but what is checked in. */
async function emptyTarget(output: string): Promise<FillTarget> {
  const target = { rootfs: join(output, "rootfs"), containerImages: join(output, "container-images") };
  await rm(target.rootfs, { recursive: true, force: true });
  await rm(target.containerImages, { recursive: true, force: true });
  await mkdir(target.containerImages, { recursive: true });
  await cp(join(import.meta.dirname, "rootfs"), target.rootfs, { recursive: true });
  return target;
}

function mirrorsOf(flags: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    flags.map((flag) => {
      const [from, to] = flag.split("=");
      if (!from || !to) throw usageError(`--mirror ${flag}: must be FROM=TO`);
      return [from, to];
    }),
  );
}

function usageError(message: string): SealerError {
  return new SealerError("USAGE", message, { hint: usage });
}

try {
  await main();
} catch (error) {
  if (!(error instanceof SealerError)) throw error;
  console.error(
    `fill: ${error.where ? `${error.where}: ` : ""}${error.message}${error.hint ? `\n${error.hint}` : ""}`,
  );
  process.exitCode = error.exitCode;
}
