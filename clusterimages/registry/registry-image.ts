import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { copyFile, readFile, rename, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { finished } from "node:stream/promises";
import { promisify } from "node:util";
import { build } from "esbuild";
import { makeDirectory, type TarHeader, TarWriter, temporaryDirectory } from "#files";
import { type Digest, digestFromHash, digestOf, encode, encodeImageConfig, hexOf } from "#oci";

export interface RegistryImageOptions {
  /** Root of sealer's sources. */
  readonly project: string;
  /** The Node binary that the image runs on. */
  readonly node: string;
  readonly version: string;
  /** The archive to write. */
  readonly output: string;
}

/**
 * Writes the built-in registry as a docker-archive: `registry serve` in one file, Node, and the shared libraries that
 * Node needs, since the image has no distribution below it. The same inputs give the same bytes.
 */
export async function registryImage({ project, node, version, output }: RegistryImageOptions) {
  await using work = await temporaryDirectory(dirname(output), ".registry-image-");
  const runtime = await layer(join(work.path, "runtime.tar"), await runtimeFiles(node, work.path));
  const program = await layer(join(work.path, "program.tar"), [
    {
      path: "etc/docker/registry/config.yml",
      content: await readFile(join(import.meta.dirname, "config.yml")),
    },
    { path: programPath, content: await bundle(project) },
  ]);
  const config = encodeImageConfig({
    architecture: process.arch === "x64" ? "amd64" : process.arch,
    os: "linux",
    config: {
      ExposedPorts: { "5000/tcp": {} },
      Env: ["PATH=/usr/local/bin"],
      Entrypoint: ["/usr/local/bin/node", ...nodeFlags, `/${programPath}`],
      Cmd: ["--config", "/etc/docker/registry/config.yml"],
      Volumes: { "/var/lib/registry": {} },
      WorkingDir: "/",
      StopSignal: "SIGTERM",
      Labels: {
        "org.opencontainers.image.title": "sealer-registry",
        "org.opencontainers.image.version": version,
      },
    },
    rootfs: { type: "layers", diff_ids: [runtime.digest, program.digest] },
    history: [{ created_by: "Node and its libraries" }, { created_by: "sealer registry serve" }],
  });
  const name = `sealer-registry:${version}`;
  const id = digestOf(config);
  const layers = [runtime, program];
  const manifest = [{ Config: `${hexOf(id)}.json`, RepoTags: [name], Layers: layers.map(layerName) }];
  const unfinished = join(work.path, "archive.tar");
  await writeTar(unfinished, [
    { path: "manifest.json", content: encode(manifest) },
    { path: `${hexOf(id)}.json`, content: config },
    ...layers.map((made) => ({ path: layerName(made), source: made.path })),
  ]);
  await rename(unfinished, output);
  return { name, id, bytes: (await stat(output)).size };
}

const programPath = "usr/local/lib/sealer/registry.cjs";

/** Keep the heap small: the registry holds streams, not data. */
const nodeFlags = ["--max-semi-space-size=2", "--max-old-space-size=256"];

interface ImageFile {
  /** In the image, without a leading slash; a folder's ends in one. */
  readonly path: string;
  readonly mode?: number;
  readonly content?: Uint8Array;
  /** A file of this machine. */
  readonly source?: string;
}

interface Layer {
  readonly path: string;
  readonly digest: Digest;
}

function layerName({ digest }: Layer): string {
  return `${hexOf(digest)}.tar`;
}

async function runtimeFiles(node: string, work: string): Promise<ImageFile[]> {
  const stripped = await strip(node, join(work, "node"));
  return [
    { path: "usr/local/bin/node", mode: 0o755, source: stripped },
    ...(await sharedLibraries(node)).map((path) => ({ path: path.slice(1), mode: 0o755, source: path })),
    { path: "etc/passwd", content: Buffer.from("root:x:0:0:root:/root:/sbin/nologin\n") },
    { path: "root/", mode: 0o700 },
    { path: "tmp/", mode: 0o1777 },
    { path: "var/lib/registry/", mode: 0o755 },
  ];
}

/** Debugging symbols are a fifth of the binary. Where there is no `strip`, they stay in. */
async function strip(node: string, target: string): Promise<string> {
  await copyFile(node, target);
  try {
    await execute("strip", ["--strip-all", target]);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  return target;
}

/** The libraries and the loader, by the paths at which the program looks for them. */
async function sharedLibraries(program: string): Promise<string[]> {
  const { stdout } = await execute("ldd", [program]);
  const missing = /^\s*(\S+) => not found/m.exec(stdout)?.[1];
  if (missing) throw new Error(`${program} needs ${missing}, which this machine does not have`);
  const paths = [...stdout.matchAll(/^\s*(?:\S+ => )?(\/\S+) \(0x[0-9a-f]+\)$/gm)].map(
    ([, path = ""]) => path,
  );
  if (paths.length === 0) throw new Error(`ldd tells no libraries of ${program}: ${stdout}`);
  return paths;
}

async function bundle(project: string): Promise<Uint8Array> {
  const { outputFiles } = await build({
    absWorkingDir: project,
    entryPoints: ["clusterimages/registry/main.ts"],
    bundle: true,
    write: false,
    platform: "node",
    target: "node26",
    format: "cjs",
    legalComments: "inline",
    logLevel: "error",
  });
  return outputFiles[0]!.contents;
}

async function layer(path: string, files: readonly ImageFile[]): Promise<Layer> {
  await writeTar(path, withFolders(files));
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return { path, digest: digestFromHash(hash) };
}

/** Every folder above a file, before it, once; all in the order of their names. */
function withFolders(files: readonly ImageFile[]): ImageFile[] {
  const all = new Map<string, ImageFile>();
  for (const file of files) {
    const parts = file.path.replace(/\/$/, "").split("/");
    for (let depth = 1; depth < parts.length; depth++) {
      const path = `${parts.slice(0, depth).join("/")}/`;
      if (!all.has(path)) all.set(path, { path, mode: 0o755 });
    }
    all.set(file.path, file);
  }
  return [...all.values()].sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
}

async function writeTar(path: string, files: readonly ImageFile[]): Promise<void> {
  await makeDirectory(dirname(path));
  const out = createWriteStream(path, { flags: "wx" });
  const tar = new TarWriter(async (chunk) => {
    if (!out.write(chunk)) await new Promise<void>((resolve) => out.once("drain", resolve));
  });
  for (const { path, mode, content, source } of files) {
    const type = path.endsWith("/") ? "directory" : "file";
    const header: TarHeader = { path, type, mode: mode ?? 0o644, mtime: 0 };
    if (source === undefined) await tar.add(header, content);
    else
      await tar.add(
        { ...header, size: (await stat(source)).size },
        createReadStream(source, { highWaterMark: 1 << 20 }),
      );
  }
  await tar.finish();
  out.end();
  await finished(out);
}

const execute = promisify(execFile);
