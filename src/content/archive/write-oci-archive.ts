import { algorithmOf, type Descriptor, hexOf } from "#oci";
import { abortable } from "../abortable.ts";
import type { ContentSource } from "../content.ts";
import { type CopyOptions, copyImage } from "../copy-image.ts";
import { emptyIndex, encodeLayoutIndex, withName } from "../layout-index.ts";
import { OciLayout } from "../oci-layout.ts";
import { planCopy } from "../plan-copy.ts";
import { verified } from "../verified.ts";
import { type ArchiveOutput, writeArchive } from "./write-archive.ts";

type SaveOptions = Pick<CopyOptions, "progress" | "signal" | "platforms">;

/** Writes an image as an OCI layout in a tar archive: streamed, checked, and the same bytes for the same image. */
export async function writeOciArchive(
  reference: string,
  source: ContentSource,
  output: ArchiveOutput,
  { progress, signal, platforms = () => true }: SaveOptions = {},
): Promise<Descriptor> {
  const root = await source.resolve(reference, { signal });
  const nothing = { has: async () => false };
  const plan = await planCopy(root, source, nothing, { concurrency: 4, signal, entries: platforms });
  const file = (path: string, size: number) => ({ path, type: "file" as const, mode: 0o644, size });
  const nameOf = ({ digest }: Descriptor) => `blobs/${algorithmOf(digest)}/${hexOf(digest)}`;

  await writeArchive(output, async (tar) => {
    await tar.add(file("oci-layout", layoutVersion.length), layoutVersion);
    const index = encodeLayoutIndex(withName(emptyIndex, reference, root));
    await tar.add(file("index.json", index.length), index);
    for (const { content, bytes } of [...plan.indexes, ...plan.manifests]) {
      await tar.add(file(nameOf(content), bytes.length), bytes);
    }
    for (const blob of plan.blobs) {
      const id = `save ${reference}: ${blob.digest}`;
      progress?.({
        type: "task-started",
        id,
        title: `save blob ${hexOf(blob.digest).slice(0, 12)}`,
        bytes: blob.size,
      });
      const bytes = verified(abortable(await source.open(blob, { signal }), signal), blob);
      await tar.add(file(nameOf(blob), blob.size), bytes);
      progress?.({ type: "task-finished", id, outcome: "done" });
    }
  });
  return root;
}

/** The same in a folder, which may hold other images already. */
export async function writeOciFolder(
  reference: string,
  source: ContentSource,
  folder: string,
  options: SaveOptions = {},
): Promise<Descriptor> {
  return copyImage(reference, source, await OciLayout.create(folder), options);
}

const layoutVersion = Buffer.from('{"imageLayoutVersion":"1.0.0"}');
