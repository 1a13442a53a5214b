import { runProgram } from "./run-program.ts";
import type { SafeDirectory } from "./safe-directory.ts";

/** Attributes by path below a folder. Paths and values are bytes; a path's bytes are the characters of its key. */
export type Xattrs = ReadonlyMap<string, ReadonlyMap<string, Uint8Array>>;

/**
 * Sets extended attributes below `folder`, in one go. The paths must have been checked: links in them are followed.
 * @throws PROGRAM_MISSING, or an Error with what setfattr said
 */
export function writeXattrs(folder: SafeDirectory, xattrs: Xattrs): void {
  if (xattrs.size === 0) return;
  const dump = [...xattrs].map(([path, values]) => {
    const lines = [...values].map(([name, value]) => `${name}=0s${Buffer.from(value).toString("base64")}\n`);
    return `# file: ./${escaped(path)}\n${lines.join("")}\n`;
  });
  runProgram("setfattr", ["-h", "--restore=-"], {
    cwd: folder.pathForChildren(),
    input: dump.join(""),
    debianPackage: "attr",
  });
}

/** The attributes of everything below `folder` whose names match a regular expression of grep's; no link is followed. */
export function readXattrs(folder: SafeDirectory, names: string): Map<string, Map<string, Buffer>> {
  const dump = runProgram("getfattr", ["-R", "-P", "-h", "-d", "-e", "base64", "-m", names, "--", "."], {
    cwd: folder.pathForChildren(),
    debianPackage: "attr",
  });
  const xattrs = new Map<string, Map<string, Buffer>>();
  let current = new Map<string, Buffer>();
  for (const line of dump.toString("latin1").split("\n")) {
    const file = /^# file: (?:\.\/)?(.*)$/s.exec(line)?.[1];
    if (file !== undefined) {
      current = new Map();
      xattrs.set(unescaped(file === "." ? "" : file), current);
    } else if (line !== "") {
      const equals = line.indexOf("=");
      const [name, value] = equals < 0 ? [line, ""] : [line.slice(0, equals), line.slice(equals + 1)];
      current.set(name, Buffer.from(value.replace(/^0s/, ""), "base64"));
    }
  }
  return xattrs;
}

/** As getfattr writes names: bytes that would break the format as a backslash and three octal digits. */
function escaped(path: string): string {
  return path.replace(/[^!-[\]-~]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, "0")}`);
}

function unescaped(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
