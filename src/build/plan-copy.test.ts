import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { RootfsView } from "#cluster-image";
import { BuildFolder } from "./build-folder.ts";
import { type LayerEntry, planCopy } from "./plan-copy.ts";
import { folderFor, plant, type Tree } from "./testing.ts";

const chart = {
  "nginx/Chart.yaml": "name: nginx\n",
  "nginx/templates/a.yaml": "",
  "redis/Chart.yaml": "name: r\n",
};

/** What is there, the words after COPY, and what comes of it; folders end in a slash. */
const rules: readonly (readonly [string, Tree, string, readonly string[], Tree?])[] = [
  ["a file to a file", { a: "" }, "a b", ["b"]],
  ["a file to a folder by its slash", { a: "" }, "a b/", ["b/", "b/a"]],
  ["a file to the rootfs", { "x/a": "" }, "x/a .", ["a"]],
  ["a file to the rootfs by a slash", { a: "" }, "a /", ["a"]],
  ["an absolute target", { a: "" }, "a /etc/b", ["etc/", "etc/b"]],
  ["a dotted target", { a: "" }, "a ./etc/", ["etc/", "etc/a"]],
  [
    "a file to one of the rootfs's own folders",
    { "kubeadm.yml": "" },
    "kubeadm.yml etc",
    ["etc/", "etc/kubeadm.yml"],
  ],
  ["a list to manifests", { imageList: "" }, "imageList manifests", ["manifests/", "manifests/imageList"]],
  ["a file in an own folder", { a: "" }, "a etc/b", ["etc/", "etc/b"]],
  ["a name that only begins like an own folder", { a: "" }, "a etcetera", ["etcetera"]],
  ["a file to a folder of the rootfs", { a: "" }, "a there", ["there/", "there/a"], { there: {} }],
  ["a file over a file of the rootfs", { a: "" }, "a there", ["there"], { there: "old" }],
  ["several sources", { a: "", b: "" }, "a b dir", ["dir/", "dir/a", "dir/b"]],
  ["a wildcard with one match", { "a.yaml": "" }, "*.yaml dir", ["dir/", "dir/a.yaml"]],
  [
    "wildcards over folders",
    { "x/a.yaml": "", "y/b.yaml": "", "y/c.txt": "" },
    "*/*.yaml d",
    ["d/", "d/a.yaml", "d/b.yaml"],
  ],
  ["a hidden file by a wildcard", { ".a": "", b: "" }, "* d/", ["d/", "d/.a", "d/b"]],
  ["an escaped wildcard", { "a*b": "", acb: "" }, "a\\*b c", ["c"]],
  ["a folder's content", { "d/a": "", "d/e/b": "" }, "d t", ["t/", "t/a", "t/e/", "t/e/b"]],
  ["a folder's content to the rootfs", { "d/a": "", "d/e/b": "" }, "d .", ["a", "e/", "e/b"]],
  ["everything", { Kubefile: "", "etc/a": "" }, ". .", ["Kubefile", "etc/", "etc/a"]],
  ["an empty folder", { "d/e": {} }, "d t", ["t/", "t/e/"]],
  [
    "a folder onto a folder of the rootfs",
    { "d/a": "" },
    "d there",
    ["there/", "there/a"],
    { "there/b": "" },
  ],
  [
    "a folder through a link of the rootfs",
    { a: "" },
    "a link/",
    ["real/", "real/a"],
    { link: { link: "real" }, real: {} },
  ],
  [
    "a chart to charts",
    chart,
    "nginx charts",
    [
      "charts/",
      "charts/nginx/",
      "charts/nginx/Chart.yaml",
      "charts/nginx/templates/",
      "charts/nginx/templates/a.yaml",
    ],
  ],
  ["a chart to charts/", chart, "redis charts/", ["charts/", "charts/redis/", "charts/redis/Chart.yaml"]],
  [
    "charts by a wildcard",
    { "r/Chart.yaml": "", "s/Chart.yaml": "" },
    "* charts",
    ["charts/", "charts/r/", "charts/r/Chart.yaml", "charts/s/", "charts/s/Chart.yaml"],
  ],
  [
    "the build folder itself as a chart",
    { "Chart.yaml": "name: own\n" },
    ". charts",
    ["charts/", "charts/own/", "charts/own/Chart.yaml"],
  ],
  [
    "a folder of charts",
    { "c/r/Chart.yaml": "" },
    "c charts",
    ["charts/", "charts/r/", "charts/r/Chart.yaml"],
  ],
  [
    "a chart to a name in charts",
    chart,
    "redis charts/mine",
    ["charts/", "charts/mine/", "charts/mine/Chart.yaml"],
  ],
  ["a folder that is no chart to charts", { "d/a": "" }, "d charts", ["charts/", "charts/a"]],
  [
    "what ignore patterns leave",
    { ".dockerignore": "d/x\n*.md\n", "d/x": "", "d/y": "", "a.md": "" },
    "d t",
    ["t/", "t/y"],
  ],
  [
    "exceptions of ignore patterns",
    { ".dockerignore": "*\n!d/y\n", "d/x": "", "d/y": "" },
    ". t",
    ["t/", "t/d/", "t/d/y"],
  ],
  ["a source that is a link inside", { link: { link: "d" }, "d/a": "" }, "link t", ["t/", "t/a"]],
  ["links in a folder as links", { "d/l": { link: "/etc/passwd" } }, "d t", ["t/", "t/l -> /etc/passwd"]],
];

for (const [what, tree, words, expected, rootfs] of rules) {
  test(`COPY ${words}: ${what}`, async (t) => {
    assert.deepEqual((await copy(t, tree, words, rootfs)).map(shown), expected);
  });
}

test("folders that are there keep owner and mode, new ones are root's", async (t) => {
  const entries = await copy(t, { a: { text: "", mode: 0o600 } }, "a there/new/", { "there/x": "" });
  assert.deepEqual(
    entries.map(({ path, mode }) => [path, mode.toString(8)]),
    [
      ["there", "755"],
      ["there/new", "755"],
      ["there/new/a", "600"],
    ],
  );
});

for (const [words, tree, message, hint, rootfs] of [
  ["../x y", {}, /outside of the build folder/, undefined],
  ["a/../../x y", { a: {} }, /outside of the build folder/, undefined],
  ["/etc/passwd y", {}, /not in the build folder/, /relative/],
  ["https://x.example/y z", {}, /cannot COPY from/, /Download/],
  ["mainfests y", { manifests: {} }, /not in the build folder/, /Did you mean manifests\?/],
  ["[a y", { a: "" }, /is not a pattern/, /needs its \]/],
  ["*.yaml y", { a: "" }, /nothing in the build folder matches/, undefined],
  ["secret y", { secret: { link: "/etc/shadow" } }, /not in the build folder/, /It is a link/],
  ["loop y", { loop: { link: "loop" } }, /not in the build folder/, /It is a link/],
  ["up y", { up: { link: "../../../../../etc/hostname-of-nobody" } }, /not in the build folder/, undefined],
  ["a y", { a: "", ".dockerignore": "a\n" }, /kept out by the pattern "a"/, /!a/],
  ["a ../y", { a: "" }, /has \.\. in it/, undefined],
  ["d f", { "d/a": "" }, /is a file in the rootfs/, undefined, { f: "" }],
  ["a f/", { a: "" }, /is a file/, undefined, { f: "" }],
  ["a f/b", { a: "" }, /is a file/, undefined, { f: "" }],
  ["d t", { "d/a/x": "" }, /is a file in the rootfs and a folder/, undefined, { "t/a": "" }],
  ["d t", { "d/a": "" }, /is a folder in the rootfs and a file/, undefined, { "t/a": {} }],
] as readonly [string, Tree, RegExp, RegExp | undefined, Tree?][]) {
  test(`COPY ${words} is refused with its line`, async (t) => {
    await assert.rejects(copy(t, tree, words, rootfs), (error: Error & { where?: string; hint?: string }) => {
      assert.equal(error.where, "Kubefile:3");
      assert.match(error.message, message);
      if (hint) assert.match(error.hint ?? "", hint);
      return true;
    });
  });
}

async function copy(t: TestContext, tree: Tree, words: string, rootfs?: Tree): Promise<LayerEntry[]> {
  const root = folderFor(t);
  const layers = rootfs ? [plant(join(root, "layer"), rootfs)] : [];
  using folder = new BuildFolder(plant(join(root, "context"), tree));
  const all = words.split(" ");
  const step = {
    file: "Kubefile",
    line: 3,
    word: "COPY",
    sources: all.slice(0, -1),
    target: all.at(-1)!,
    uid: 0,
    gid: 0,
  };
  return await planCopy(step, folder, new RootfsView(layers));
}

function shown({ path, from }: LayerEntry): string {
  if (from?.kind === "symlink") return `${path} -> ${from.linkname}`;
  return from?.kind === "file" ? path : `${path}/`;
}
