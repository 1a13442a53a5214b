import { createReadStream, createWriteStream } from "node:fs";
import { open, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { SealerError } from "#errors";
import { compressionOf, decompress, freeSpace, fsError, temporaryDirectory } from "#files";
import { diskError } from "../disk-error.ts";
import { OciLayout } from "../oci-layout.ts";
import { DockerArchive } from "./docker-archive.ts";
import type { ImageArchive } from "./image-archive.ts";
import { OciArchive } from "./oci-archive.ts";
import { TarFile } from "./tar-file.ts";

/**
 * Opens an archive of images by what it is, not by its name: an OCI layout in a folder or a tar archive, or what
 * `docker save` writes; the archive may be compressed by gzip or zstd, and is then unpacked below `temporary`.
 * @throws FILE_NOT_FOUND, FILE_INVALID, IMAGE_INVALID, TAR_INVALID, PATH_UNSAFE
 */
export async function openArchive(
  path: string,
  options: { readonly temporary?: string; readonly signal?: AbortSignal | undefined } = {},
): Promise<ImageArchive> {
  const found = await stat(path).catch((error) => {
    const why = fsError(error, "read the archive", path);
    if (error.code !== "ENOTDIR") throw why;
    throw new SealerError("FILE_NOT_FOUND", why.message, { where: path, cause: error });
  });
  if (found.isDirectory()) return folderArchive(await OciLayout.open(path));
  if (!found.isFile()) {
    throw new SealerError("FILE_INVALID", `${path} is neither a file nor a folder`, {
      where: path,
      hint: "Archives are read more than once: save it as a file first.",
    });
  }
  if ((await compressionIn(path)) === "none") return openTar(path);

  const folder = await temporaryDirectory(options.temporary ?? tmpdir(), "sealer-archive-");
  const plain = join(folder.path, "archive.tar");
  try {
    const limits = { bytes: await freeSpace(folder.path) };
    await pipeline(
      decompress(createReadStream(path, { highWaterMark: 1 << 20 }), { limits, where: path }),
      createWriteStream(plain, { highWaterMark: 1 << 20 }),
      options.signal ? { signal: options.signal } : {},
    );
    const archive = await openTar(plain, path);
    return Object.assign(archive, { close: () => folder[Symbol.asyncDispose]() });
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw damaged(error, plain, path) ?? diskError(error, folder.path);
  }
}

/** What is wrong with the unpacked archive is told of the one that was named. */
function damaged(error: unknown, plain: string, path: string): SealerError | undefined {
  if (!(error instanceof SealerError)) return undefined;
  const { code, message, where, hint = "Save or copy the archive again.", cause } = error;
  if (where !== plain && code !== "FILE_INVALID") return undefined;
  return new SealerError(code === "FILE_INVALID" ? "TAR_INVALID" : code, message.replaceAll(plain, path), {
    where: path,
    hint,
    cause,
  });
}

async function openTar(path: string, shown = path): Promise<ImageArchive> {
  const tar = await TarFile.open(path);
  const isOci = tar.sizeOf("oci-layout") !== undefined && tar.sizeOf("index.json") !== undefined;
  const isDocker = tar.sizeOf("manifest.json") !== undefined;
  if (isOci) {
    const archive = await OciArchive.open(tar);
    if (!isDocker || (await archive.isWhole())) return archive;
  }
  if (isDocker) return DockerArchive.open(tar);
  throw new SealerError("IMAGE_INVALID", `${shown} holds no images`, {
    where: shown,
    hint: "An archive of images has an index.json with an oci-layout, or a manifest.json, at its top.",
  });
}

function folderArchive(layout: OciLayout): ImageArchive {
  return {
    kind: "oci-folder",
    resolve: (reference) => layout.resolve(reference),
    open: (content, options) => layout.open(content, options),
    names: async () => (await layout.names()).map(({ name }) => name),
    close: async () => {},
  };
}

async function compressionIn(path: string): Promise<"gzip" | "zstd" | "none"> {
  const file = await open(path, "r").catch((error) => {
    throw fsError(error, "read the archive", path);
  });
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0);
    return compressionOf(buffer.subarray(0, bytesRead));
  } finally {
    await file.close();
  }
}
