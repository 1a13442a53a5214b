import { walkTree } from "./walk-tree.ts";

/** Bytes in the files below the folder `root`; a file with several names counts once. */
export async function treeSize(root: string): Promise<number> {
  const seen = new Set<string>();
  let size = 0;
  for await (const { stat } of walkTree(root)) {
    if (!stat.isFile()) continue;
    if (stat.nlink > 1) {
      const inode = `${stat.dev}:${stat.ino}`;
      if (seen.has(inode)) continue;
      seen.add(inode);
    }
    size += stat.size;
  }
  return size;
}
