import { closeSync, constants, fstatSync, openSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { SealerError } from "#errors";
import { ConfinedTree, type Place, unsafe } from "./confined-tree.ts";
import { fsError, isFsError, printable } from "./fs-error.ts";
import { safeParts } from "./layer-name.ts";

/**
 * The real path of what `path` means when the folder `root` is "/": links are followed, also the last one, and lead
 * nowhere else. Nothing where it does not exist.
 * @throws PATH_UNSAFE for "..", and for links that lead in a circle
 */
export function confinedPath(root: string, path: string): string | undefined {
  return withFound(root, path, ({ folder, key }, name) =>
    folder.lstat(name) ? join(root, Buffer.from(key, "latin1").toString(), name.toString()) : undefined,
  );
}

/**
 * The content of the file that `path` means when the folder `root` is "/". Nothing where there is no such file.
 * @throws PATH_UNSAFE as `confinedPath`; FILE_INVALID for more than `limit` bytes (default 16 MB) and what is no file
 */
export function readConfinedFile(
  root: string,
  path: string,
  { limit = 16 << 20 }: { readonly limit?: number } = {},
): Buffer | undefined {
  return withFound(root, path, ({ folder }, name) => readIn(folder.at(name), path, limit));
}

/** Calls `use` with the folder that holds the end of the way, whose name is then no link. */
function withFound<Result>(
  root: string,
  path: string,
  use: (place: Place, name: Buffer) => Result | undefined,
): Result | undefined {
  using tree = new ConfinedTree(root);
  let parts = safeParts(Buffer.from(path));
  for (let links = 0; links <= 40; links++) {
    const name = parts.at(-1) ?? Buffer.from(".");
    const place = tree.enter(parts.slice(0, -1));
    if (!place) return undefined;
    if (name.equals(dotdot)) return use(tree.enter(parts)!, Buffer.from("."));
    const link = linkAt(place, name);
    if (!link) return use(place, name);
    const above = link[0] === slash ? [] : place.key.split("/").map((part) => Buffer.from(part, "latin1"));
    parts = [...above, ...partsOf(link)];
  }
  throw unsafe(Buffer.from(path), "the links on the way lead in a circle");
}

const slash = 0x2f;
const dotdot = Buffer.from("..");

function linkAt({ folder }: Place, name: Buffer): Buffer | undefined {
  try {
    return readlinkSync(folder.at(name), { encoding: "buffer" });
  } catch (error) {
    if (isFsError(error, "EINVAL", "ENOENT", "ENAMETOOLONG")) return undefined;
    throw error;
  }
}

/** Not `safeParts`: a link may lead upwards, up to the root. */
function partsOf(link: Buffer): Buffer[] {
  const parts = link
    .toString("latin1")
    .split("/")
    .filter((part) => part !== "" && part !== ".");
  return parts.map((part) => Buffer.from(part, "latin1"));
}

function readIn(at: Buffer, path: string, limit: number): Buffer | undefined {
  const where = printable(path);
  let fd: number | undefined;
  try {
    fd = openSync(at, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new SealerError("FILE_INVALID", `${where} is no file`, { where });
    if (stat.size > limit)
      throw new SealerError("FILE_INVALID", `${where} has more than ${limit} bytes`, { where });
    return readFileSync(fd);
  } catch (error) {
    if (isFsError(error, "ENOENT")) return undefined;
    throw fsError(error, "read", path);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
