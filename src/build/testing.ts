import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";

/** A temporary folder, removed when the test ends. */
export function folderFor(test: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "sealer-build-"));
  test.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A file's text; `{ link }` for a symbolic link, `{ text, mode }` for another mode than 0644, `{}` for an empty folder. */
export type Tree = Readonly<
  Record<string, string | { readonly link?: string; readonly text?: string; readonly mode?: number }>
>;

/** Writes files below `root`, by path. */
export function plant(root: string, tree: Tree): string {
  mkdirSync(root, { recursive: true });
  for (const [path, what] of Object.entries(tree)) {
    const place = join(root, path);
    mkdirSync(dirname(place), { recursive: true });
    const { link, text, mode = 0o644 } = typeof what === "string" ? { text: what } : what;
    if (link !== undefined) symlinkSync(link, place);
    else if (text === undefined) mkdirSync(place, { recursive: true });
    else {
      writeFileSync(place, text);
      chmodSync(place, mode);
    }
  }
  return root;
}
