import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  createReadStream,
  linkSync,
  lutimesSync,
  mkdirSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { hashing } from "./hashing.ts";
import { walkTree } from "./walk-tree.ts";

/** A tree with what archives find hard: long names, odd bytes, links of all kinds, empty folders, modes, owners, times. */
export function buildOddTree(root: string, { longNames }: { readonly longNames: boolean }): string {
  mkdirSync(root);
  const at = (path: string) => join(root, path);
  for (const path of ["empty", "a/b/c/d", "closed", "sticky", "times"])
    mkdirSync(at(path), { recursive: true });
  for (const size of [0, 1, 511, 512, 513, 10_240, 1_048_577])
    writeFileSync(at(`a/file-${size}`), Buffer.alloc(size, "abc"));
  for (let n = 0; n < 30; n++) writeFileSync(at(`a/b/${n}`), String(n));
  for (const name of [" ", "new\nline", "back\\slash", "ünï\u0301", "*", "-x", "__proto__", "é".repeat(45)]) {
    writeFileSync(at(name), name);
  }
  writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0xfe, 0x80])]), "bytes");
  nameBySize(at, longNames);
  symlinkSync("../a/file-1", at("a/relative"));
  symlinkSync("/etc/hosts", at("absolute"));
  symlinkSync("nowhere", at("dangling"));
  symlinkSync(".", at("a/loop"));
  for (const name of ["linked-1", "a/linked-2", "a/b/c/linked-3"]) linkSync(at("a/file-512"), at(name));
  linkSync(at("dangling"), at("z-linked-link"));
  attributes(at);
  return root;
}

function nameBySize(at: (path: string) => string, longNames: boolean): void {
  for (const length of [98, 99, 100]) writeFileSync(at("n".repeat(length)), "n");
  const parts = "p".repeat(50);
  mkdirSync(at(`${parts}/${parts}/${parts}`), { recursive: true });
  writeFileSync(at(`${parts}/${parts}/${parts}/${"q".repeat(90)}`), "q");
  symlinkSync("t".repeat(100), at("link-100"));
  if (!longNames) return;
  for (const length of [101, 102, 200, 255]) writeFileSync(at("n".repeat(length)), "n");
  mkdirSync(at(`${`${"l".repeat(120)}/`.repeat(4)}`), { recursive: true });
  symlinkSync("t".repeat(101), at("link-101"));
  symlinkSync(`${"t/".repeat(1000)}t`, at("link-2001"));
  linkSync(at("n".repeat(200)), at(`h${"n".repeat(199)}`));
}

function attributes(at: (path: string) => string): void {
  const modes = {
    "a/file-1": 0o4755,
    "a/file-511": 0o2644,
    "a/file-513": 0o000,
    closed: 0o500,
    sticky: 0o1777,
  };
  chownSync(at("a/file-1"), 1234, 4321);
  chownSync(at("closed"), 99, 2_097_151);
  for (const [path, mode] of Object.entries(modes)) chmodSync(at(path), mode);
  lutimesSync(at("a/relative"), 5, 1_234_567_890);
  lutimesSync(at("a/file-0"), 1, 0);
  execFileSync("find", [
    at("."),
    "-newermt",
    "2000-01-01",
    "-exec",
    "touch",
    "-hd",
    "2021-02-03T04:05:06Z",
    "{}",
    "+",
  ]);
}

export interface TreeListing {
  readonly path: string;
  readonly type: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
  readonly nlink: number;
  readonly content: string;
}

/** All that can be known about a tree, in a form to compare. */
export async function listTree(root: string): Promise<TreeListing[]> {
  return Array.fromAsync(walkTree(root), async ({ pathBytes, stat }) => {
    const path = Buffer.concat([Buffer.from(`${root}/`), pathBytes]);
    return {
      path: pathBytes.toString("latin1"),
      type: String(stat.mode & 0o170000),
      mode: stat.mode & 0o7777,
      uid: stat.uid,
      gid: stat.gid,
      mtime: stat.mtimeMs / 1000,
      nlink: stat.isDirectory() ? 0 : stat.nlink,
      content: stat.isFile() ? await digestOf(path) : stat.isSymbolicLink() ? readlinkSync(path) : "",
    };
  });
}

async function digestOf(path: Buffer): Promise<string> {
  const bytes = hashing(createReadStream(path));
  for await (const _ of bytes);
  return bytes.digest;
}
