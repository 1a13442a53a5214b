import { SealerError } from "#errors";
import { printable } from "./fs-error.ts";
import { opaqueMark, whiteoutPrefix } from "./layer-name.ts";
import { type LayerMark, type PackOptions, packEntries } from "./pack-entries.ts";
import { selectedBelow } from "./pack-tree.ts";
import { type OpenTreeEntry, openRoot } from "./walk-tree.ts";
import { readXattrs } from "./xattrs.ts";

/**
 * The upper folder of an overlay mount as an OCI layer: like `packTree`, with overlayfs's whiteouts and opaque folders
 * in the form of the OCI specification. The mount must have had `redirect_dir=off,metacopy=off`.
 * @throws FILE_INVALID where it had not; PROGRAM_MISSING without getfattr; and as `packTree`
 */
export async function* packOverlayUpper(
  upper: string,
  options: PackOptions = {},
): AsyncGenerator<Uint8Array> {
  using folder = openRoot(upper);
  const says = readXattrs(folder, "^(trusted|user)[.]overlay[.](opaque|redirect|metacopy|whiteout)$");
  yield* packEntries(translated(selectedBelow(folder, options.select ?? (() => true)), says), options);
}

type OverlaySays = ReadonlyMap<string, ReadonlyMap<string, Buffer>>;

function* translated(
  entries: Iterable<OpenTreeEntry>,
  says: OverlaySays,
): Generator<OpenTreeEntry | LayerMark> {
  if (isOpaque(says, "")) yield { mark: opaqueMark };
  for (const entry of entries) {
    const key = entry.pathBytes.toString("latin1");
    if (overlayHas(says, key, "redirect") || overlayHas(says, key, "metacopy")) throw redirected(entry);
    if (isWhiteout(entry, says, key)) {
      yield { mark: whiteoutOf(entry) };
      continue;
    }
    yield entry;
    if (isOpaque(says, key)) yield { mark: Buffer.concat([entry.pathBytes, Buffer.from("/"), opaqueMark]) };
  }
}

function overlayHas(says: OverlaySays, key: string, name: string): Buffer | undefined {
  const values = says.get(key);
  return values?.get(`trusted.overlay.${name}`) ?? values?.get(`user.overlay.${name}`);
}

function isOpaque(says: OverlaySays, key: string): boolean {
  return overlayHas(says, key, "opaque")?.toString() === "y";
}

/** A character device 0:0, or (since Linux 6.7) an empty file with an attribute. */
function isWhiteout({ stat }: OpenTreeEntry, says: OverlaySays, key: string): boolean {
  if (stat.isCharacterDevice()) return stat.rdev === 0;
  return stat.isFile() && stat.size === 0 && overlayHas(says, key, "whiteout") !== undefined;
}

function whiteoutOf({ pathBytes, name }: OpenTreeEntry): Buffer {
  return Buffer.concat([pathBytes.subarray(0, pathBytes.length - name.length), whiteoutPrefix, name]);
}

function redirected({ pathBytes }: OpenTreeEntry): SealerError {
  const where = printable(pathBytes);
  return new SealerError("FILE_INVALID", `${where} has its content in a lower layer`, {
    where,
    hint: "Mount the overlay with redirect_dir=off,metacopy=off.",
  });
}
