import { unsafe } from "./confined-tree.ts";
import { depthLimit } from "./walk-tree.ts";

/** What the name of an entry of a layer says (OCI image specification, "Layer Filesystem Changeset"). */
export type LayerName =
  | { readonly kind: "root" }
  | { readonly kind: "entry" | "whiteout"; readonly above: readonly Buffer[]; readonly name: Buffer }
  | { readonly kind: "opaque"; readonly folder: readonly Buffer[] };

/** @throws PATH_UNSAFE */
export function layerNameOf(path: Buffer): LayerName {
  const parts = safeParts(path);
  const name = parts.at(-1);
  if (!name) return { kind: "root" };
  const above = parts.slice(0, -1);
  if (above.some(isReserved)) throw unsafe(path, "a folder's name must not begin with .wh.");
  if (!isReserved(name)) return { kind: "entry", above, name };
  if (name.equals(opaqueMark)) return { kind: "opaque", folder: above };
  const victim = name.subarray(whiteoutPrefix.length);
  if (isReserved(victim) || ["", ".", ".."].includes(victim.toString("latin1"))) {
    throw unsafe(path, "it is a whiteout of nothing that can be");
  }
  return { kind: "whiteout", above, name: victim };
}

/**
 * The names on a path from the root of an archive. A leading "/" means that root, too.
 * @throws PATH_UNSAFE where it leads upwards, or could not exist on a disk
 */
export function safeParts(path: Buffer): Buffer[] {
  if (path.includes(0)) throw unsafe(path, "it contains a NUL byte");
  const parts = splitPath(path);
  if (parts.some((part) => part.equals(dotdot))) throw unsafe(path, 'it leads upwards by ".."');
  if (parts.some(({ length }) => length > 255)) throw unsafe(path, "a name in it has more than 255 bytes");
  if (parts.length > depthLimit) throw unsafe(path, `it is more than ${depthLimit} folders deep`);
  return parts;
}

/** Marks a folder that hides all that lower layers have in it. */
export const opaqueMark: Buffer = Buffer.from(".wh..wh..opq");

/** Before the name of what is gone. */
export const whiteoutPrefix: Buffer = Buffer.from(".wh.");

export function isReserved(name: Buffer): boolean {
  return name.subarray(0, whiteoutPrefix.length).equals(whiteoutPrefix);
}

const dotdot = Buffer.from("..");

function splitPath(path: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at <= path.length; ) {
    const slash = path.indexOf("/", at);
    const end = slash < 0 ? path.length : slash;
    const part = path.subarray(at, end);
    if (part.length > 0 && !(part.length === 1 && part[0] === 0x2e)) parts.push(part);
    at = end + 1;
  }
  return parts;
}
