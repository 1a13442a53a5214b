import { mapLimited } from "#concurrency";
import { SealerError } from "#errors";
import { type Descriptor, type Digest, isIndex, isManifest } from "#oci";
import { isNonDistributable, parseChildren } from "./children.ts";
import type { ContentSource, ContentTarget } from "./content.ts";
import { readDocument } from "./read-document.ts";

/** What a target lacks of an image, in an order in which it can be written: blobs, manifests, indexes. */
export interface CopyPlan {
  readonly blobs: readonly Descriptor[];
  readonly manifests: readonly Document[];
  /** Those in others first. */
  readonly indexes: readonly Document[];
}

export interface Document {
  readonly content: Descriptor;
  readonly bytes: Buffer;
}

interface Walked extends Document {
  readonly children: readonly Descriptor[];
}

const deepest = 8;
const mostDescriptors = 10_000;
const mostBytes = 128 << 20;

/** Reads the image's documents, except for manifests that the target has: what they name is then there too. */
export async function planCopy(
  root: Descriptor,
  source: ContentSource,
  target: Pick<ContentTarget, "has">,
  options: {
    readonly concurrency: number;
    readonly signal?: AbortSignal | undefined;
    readonly entries: (entry: Descriptor) => boolean;
  },
): Promise<CopyPlan> {
  const { signal, entries } = options;
  const documents = new Map<Digest, Walked>();
  const blobs = new Map<Digest, Descriptor>();
  const seen = new Set<Digest>([root.digest]);
  let bytes = 0;
  const walk = async (content: Descriptor): Promise<readonly Descriptor[]> => {
    if (isManifest(content.mediaType) && (await target.has(content, { signal }))) return [];
    const document = await readDocument(source, content, { signal });
    bytes += document.length;
    const all = parseChildren(content, document);
    const children = isIndex(content.mediaType) ? all.filter(entries) : all;
    documents.set(content.digest, { content, bytes: document, children });
    return children;
  };

  for (let level = [root], depth = 0; level.length > 0; depth++) {
    if (depth > deepest) throw tooMuch(root, `its indexes are nested more than ${deepest} deep`);
    const isBlob = (parent: Descriptor, child: Descriptor) =>
      isManifest(parent.mediaType) || !isDocument(child);
    const found: Descriptor[] = [];
    const walked = await mapLimited(level, options.concurrency, walk, { signal });
    // In the order of the documents, whichever was read first: an archive of the same image has the same bytes.
    for (const [position, parent] of level.entries()) {
      for (const child of walked[position]!) {
        if (seen.has(child.digest)) continue;
        seen.add(child.digest);
        if (!isBlob(parent, child)) found.push(child);
        else if (!isNonDistributable(child)) blobs.set(child.digest, child);
      }
    }
    if (seen.size > mostDescriptors) throw tooMuch(root, `it has more than ${mostDescriptors} parts`);
    if (bytes > mostBytes) throw tooMuch(root, "its manifests are more than 128 MiB long");
    level = found;
  }
  const ordered = childrenFirst(root, documents);
  return {
    blobs: [...blobs.values()],
    manifests: ordered.filter(({ content }) => isManifest(content.mediaType)),
    indexes: ordered.filter(({ content }) => isIndex(content.mediaType)),
  };
}

function isDocument({ mediaType }: Descriptor): boolean {
  return isManifest(mediaType) || isIndex(mediaType);
}

function childrenFirst(root: Descriptor, documents: ReadonlyMap<Digest, Walked>): Document[] {
  const ordered = new Map<Digest, Document>();
  const visit = ({ digest }: Descriptor) => {
    const document = documents.get(digest);
    if (!document || ordered.has(digest)) return;
    if (isIndex(document.content.mediaType)) document.children.forEach(visit);
    ordered.set(digest, document);
  };
  visit(root);
  return [...ordered.values()];
}

function tooMuch({ digest }: Descriptor, why: string): SealerError {
  return new SealerError("IMAGE_INVALID", `${digest} is not an image that can be copied: ${why}`, {
    hint: "No tool builds such images; whoever made it may want to exhaust this machine.",
  });
}
