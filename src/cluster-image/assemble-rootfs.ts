import { constants } from "node:fs";
import { chmod, copyFile, lchown, mkdir, readlink, symlink } from "node:fs/promises";
import { join } from "node:path";
import { SealerError } from "#errors";
import { type RootfsEntry, RootfsView } from "./rootfs-view.ts";

/**
 * Writes the merged rootfs of unpacked layers, the lowest first, into the folder `target`, which must be empty or not
 * there. Files are copies (sharing blocks where the file system can), so that nobody who changes one changes a layer.
 */
export async function assembleRootfs(
  layerDirs: readonly string[],
  target: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<void> {
  await mkdir(target, { recursive: true });
  for await (const entry of new RootfsView(layerDirs).walk("")) {
    options.signal?.throwIfAborted();
    await put(entry, join(target, entry.path));
  }
}

async function put({ kind, places, stat, path }: RootfsEntry, to: string): Promise<void> {
  switch (kind) {
    case "directory":
      await mkdir(to);
      break;
    case "file":
      await copyFile(places[0]!, to, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
      break;
    case "symlink":
      await symlink(await readlink(places[0]!), to);
      break;
    case "other":
      throw new SealerError("PATH_UNSAFE", `${path} in the rootfs is a device or a fifo`, {
        hint: "A rootfs holds files, folders and links. Build the image again without it.",
      });
  }
  await lchown(to, stat.uid, stat.gid);
  if (kind !== "symlink") await chmod(to, stat.mode & 0o7777);
}
