import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { packTar } from "./pack.ts";

export interface ImageDescription {
  /** Such as `k8s.gcr.io/pause:3.2`. */
  readonly reference: string;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
}

/**
 * Makes a container image of one layer out of a file tree, as an archive that docker, containerd and skopeo load. The
 * same tree gives the same bytes.
 */
export async function writeDockerArchive(
  { reference, entrypoint = [], command = [] }: ImageDescription,
  tree: string,
  archive: string,
): Promise<void> {
  const parts = `${archive}.parts`;
  await rm(parts, { recursive: true, force: true });
  await mkdir(parts, { recursive: true });
  await packTar(tree, join(parts, "layer"), ["."]);
  const layer = await sha256Of(join(parts, "layer"));
  await rename(join(parts, "layer"), join(parts, `${layer}.tar`));
  const config = JSON.stringify({
    architecture: "amd64",
    os: "linux",
    created: "1970-01-01T00:00:00Z",
    config: {
      Entrypoint: entrypoint,
      Cmd: command,
      Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
    },
    rootfs: { type: "layers", diff_ids: [`sha256:${layer}`] },
    history: [{ created: "1970-01-01T00:00:00Z", created_by: `sealer: ${reference}` }],
  });
  const configName = `${createHash("sha256").update(config).digest("hex")}.json`;
  const manifest = [{ Config: configName, RepoTags: [reference], Layers: [`${layer}.tar`] }];
  await writeFile(join(parts, configName), config);
  await writeFile(join(parts, "manifest.json"), JSON.stringify(manifest));
  await packTar(parts, archive, ["manifest.json", configName, `${layer}.tar`]);
  await rm(parts, { recursive: true });
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest("hex");
}
