import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { assembleRootfs, type ClusterImage, RootfsView } from "#cluster-image";
import { ImageStore, MemoryContent } from "#content";
import {
  type Descriptor,
  encodeImageConfig,
  encodeIndex,
  encodeManifest,
  formatReference,
  mediaTypes,
} from "#oci";
import type { ProgressEvent } from "#progress";
import { buildImage } from "./build-image.ts";
import type { BuildOptions } from "./build-options.ts";
import type { ImageFinder } from "./image-finder.ts";
import { folderFor, plant, type Tree } from "./testing.ts";

test("a copied rootfs is one layer, and everything that was said is in the image", async (t) => {
  const bench = await Workbench.open(t);
  const image = await bench.build({
    Kubefile:
      'FROM scratch\nMAINTAINER me\nENV A=1\nLABEL x="y z"\nCOPY . .\nCMD kubectl apply -f a,b\nCMDS ["c"]\n',
    "bin/kubeadm": { text: "#!/bin/sh\n", mode: 0o755 },
    "etc/kubeadm.yml": "a: b\n",
  });
  assert.equal(image.name, "app:1");
  assert.equal(image.kind, "kubernetes");
  assert.deepEqual(image.labels, { x: "y z" });
  assert.deepEqual(image.env, { A: "1" });
  assert.deepEqual(image.cmd, ["kubectl apply -f a,b", "c"]);
  assert.deepEqual(
    image.platforms.map(({ layers }) => layers.map(({ createdBy }) => createdBy)),
    [["COPY . ."]],
  );
  assert.deepEqual(await bench.files(image), ["Kubefile", "bin/", "bin/kubeadm", "etc/", "etc/kubeadm.yml"]);
  assert.equal(image.platforms[0]?.config.author, "me");
  assert.equal(image.platforms[0]?.config.history?.length, 6);
  assert.deepEqual(await bench.store.resolve("app:1"), image.root);
});

test("the same inputs give the same digest in another folder, in another store, without a cache", async (t) => {
  const tree = {
    Kubefile: "FROM scratch\nCOPY . .\nRUN mkdir -p q && cp a q/b && rm a\n",
    a: "1",
    "b/c": "2",
  };
  const [one, two] = [await Workbench.open(t), await Workbench.open(t)];
  const first = await one.build(tree);
  assert.equal((await two.build(tree)).root.digest, first.root.digest);
  assert.equal((await one.build(tree, { noCache: true })).root.digest, first.root.digest);
  assert.notEqual((await one.build({ ...tree, a: "3" })).root.digest, first.root.digest);
});

test("an instruction whose inputs are the same does no work, and what follows a change is done again", async (t) => {
  const bench = await Workbench.open(t);
  const tree = { Kubefile: "FROM scratch\nCOPY a .\nRUN cat a > r\nCOPY b .\n", a: "1", b: "2" };
  await bench.build(tree);
  assert.deepEqual(bench.outcomes(), ["done", "done", "done"]);
  await bench.build(tree);
  assert.deepEqual(bench.outcomes(), ["cached", "cached", "cached"]);
  await bench.build({ ...tree, b: "3" });
  assert.deepEqual(bench.outcomes(), ["cached", "cached", "done"]);
  await bench.build({ ...tree, a: "3" });
  assert.deepEqual(bench.outcomes(), ["done", "done", "cached"]);
  await bench.build({ ...tree, a: { text: "3", mode: 0o755 } });
  assert.deepEqual(bench.outcomes(), ["done", "done", "cached"]);
  await bench.build(tree, { noCache: true });
  assert.deepEqual(bench.outcomes(), ["done", "done", "done"]);
});

test("what a RUN deletes stays deleted, files and folders made again too", async (t) => {
  const bench = await Workbench.open(t);
  const kubefile = "FROM scratch\nCOPY . .\nRUN rm a && rm -r d && mkdir d && touch d/new\nRUN true\n";
  const image = await bench.build({ Kubefile: kubefile, a: "", "d/old": "", "e/kept": "" });
  assert.deepEqual(await bench.files(image), ["Kubefile", "d/", "d/new", "e/", "e/kept"]);
  assert.equal(image.platforms[0]?.layers.length, 2);
  const target = join(folderFor(t), "assembled");
  await assembleRootfs(bench.layerDirs(image), target);
  assert.deepEqual(readdirSync(target, { recursive: true }).sort(), [
    "Kubefile",
    "d",
    "d/new",
    "e",
    "e/kept",
  ]);
});

test("a failing RUN is told with its line and its last words, and names no image", async (t) => {
  const bench = await Workbench.open(t);
  const kubefile = "FROM scratch\nCOPY a .\nRUN echo before; no-such-program\n";
  await assert.rejects(bench.build({ Kubefile: kubefile, a: "" }), {
    code: "RUN_FAILED",
    exitCode: 2,
    where: "Kubefile:3",
    message: /exited 127\n {2}before\n.*no-such-program/s,
  });
  assert.deepEqual(await bench.store.names(), []);
  assert.deepEqual(
    readdirSync(bench.overlayDir).filter((name) => name.startsWith(".")),
    [],
  );
});

test("an image on top of another inherits what it says", async (t) => {
  const bench = await Workbench.open(t);
  const base = await bench.build(
    {
      Kubefile: "FROM scratch\nENV A=1 B=2\nLABEL l=1\nCOPY . .\nCMD one\nCMD two\n",
      "bin/kubeadm": "",
      "etc/x": "",
    },
    { tag: "base:1" },
  );
  const top = {
    Kubefile: "FROM base:1\nENV B=3\nCOPY new etc\nRUN test $A = 1\nCMD two\nCMD three\n",
    new: "",
  };
  const image = await bench.build(top);
  assert.equal(image.kind, "kubernetes");
  assert.deepEqual(image.env, { A: "1", B: "3" });
  assert.deepEqual(image.labels, { l: "1" });
  assert.deepEqual(image.cmd, ["one", "two", "three"]);
  assert.equal(image.platforms[0]?.layers[0]?.digest, base.platforms[0]?.layers[0]?.digest);
  assert.deepEqual(await bench.files(image), ["Kubefile", "bin/", "bin/kubeadm", "etc/", "etc/new", "etc/x"]);
  const application = await bench.build(top, { withoutBase: true, tag: "app:2" });
  assert.equal(application.kind, "application");
  assert.deepEqual(application.cmd, ["two", "three"]);
  assert.deepEqual(await bench.files(application), ["etc/", "etc/new"]);
});

test("applications know their files and how they are launched", async (t) => {
  const bench = await Workbench.open(t);
  const image = await bench.build({
    Kubefile: [
      "FROM scratch",
      "APP web local://web",
      "APP chart local://chart",
      "APP setup local://a.sh local://b.sh",
      "APP odd local://odd.txt",
      'APPCMDS odd ["first"]',
      'APPCMDS odd ["cat", "odd.txt"]',
      "APPENV web A=1",
      "LAUNCH web setup odd chart",
    ].join("\n"),
    "web/web.yaml": "",
    "chart/Chart.yaml": "name: chart\n",
    "a.sh": "",
    "b.sh": "",
    "odd.txt": "",
  });
  assert.deepEqual(
    image.apps.map(({ name, type }) => [name, type]),
    [
      ["web", "kube"],
      ["chart", "helm"],
      ["setup", "shell"],
      ["odd", ""],
    ],
  );
  assert.deepEqual(image.apps[0]?.env, { A: "1" });
  assert.deepEqual(image.cmd, [
    "kubectl apply -f application/apps/web/web.yaml",
    "bash application/apps/setup/a.sh && bash application/apps/setup/b.sh",
    "cd application/apps/odd && cat odd.txt",
    "helm install chart application/apps/chart",
  ]);
  await assert.rejects(bench.build({ Kubefile: "FROM scratch\nLAUNCH nothing\n" }), {
    code: "KUBEFILE_INVALID",
    where: "Kubefile:2",
  });
});

test("container images are embedded for the platform, with their index, and are shared with the next build", async (t) => {
  const bench = await Workbench.open(t);
  const registry = await FakeRegistry.holding("docker.io/library/busybox:latest", ["amd64", "arm64"]);
  const tree = { Kubefile: "FROM scratch\nCOPY imageList manifests\n", imageList: "busybox\n" };
  const image = await bench.build(tree, { registries: [registry] });
  assert.deepEqual(
    image.embedded.map(({ reference, platform, wantedBy }) => [reference, platform, wantedBy]),
    [
      [
        "docker.io/library/busybox:latest",
        { os: "linux", architecture: "amd64" },
        [{ file: "manifests/imageList", line: 1 }],
      ],
    ],
  );
  assert.deepEqual(
    image.indexes.map(({ mediaType, digest }) => [mediaType, digest]),
    [[mediaTypes.ociIndex, registry.root.digest]],
  );
  for (const content of [image.embedded[0]!.descriptor, ...image.indexes])
    assert.ok(await bench.store.has(content));

  const again = await bench.build(tree, { tag: "app:2" });
  assert.equal(again.root.digest, image.root.digest);
  assert.deepEqual(registry.asked, ["docker.io/library/busybox:latest"]);
});

test("both platforms are built and embedded at once", async (t) => {
  const bench = await Workbench.open(t);
  const registry = await FakeRegistry.holding("docker.io/library/busybox:latest", ["amd64", "arm64"]);
  const image = await bench.build(
    {
      Kubefile: "FROM scratch\nCOPY $ARCH/x bin/\nCOPY imageList manifests\n",
      "amd64/x": "1",
      "arm64/x": "2",
      imageList: "busybox\n",
    },
    { registries: [registry], platforms: [amd64, { os: "linux", architecture: "arm64" }] },
  );
  assert.deepEqual(
    image.platforms.map(({ platform }) => platform.architecture),
    ["amd64", "arm64"],
  );
  assert.deepEqual(
    image.embedded.map(({ platform }) => platform.architecture),
    ["amd64", "arm64"],
  );
  assert.equal(image.indexes.length, 1);
});

test("what the base embeds is embedded, whatever its names stand for by now", async (t) => {
  const bench = await Workbench.open(t);
  const old = await FakeRegistry.holding("docker.io/library/busybox:latest", ["amd64"], "old");
  const base = { Kubefile: "FROM scratch\nCOPY imageList manifests\n", imageList: "busybox\n" };
  const { embedded } = await bench.build(base, { registries: [old], tag: "base:1" });
  const changed = await FakeRegistry.holding("docker.io/library/busybox:latest", ["amd64"], "new");
  const image = await bench.build(
    { Kubefile: "FROM base:1\nRUN rm manifests/imageList\n" },
    { registries: [changed] },
  );
  assert.deepEqual(image.embedded, embedded);
  assert.equal(image.indexes.length, 1);
});

test("images that are nowhere are told together, with who wants them and where they were looked for", async (t) => {
  const bench = await Workbench.open(t);
  const registry = await FakeRegistry.holding("docker.io/library/busybox:latest", ["amd64"]);
  const tree = {
    Kubefile: "FROM scratch\nCOPY manifests manifests\n",
    "manifests/a.yaml": "image: x:1\n---\nimage: y:1\n",
  };
  await assert.rejects(
    bench.build(tree, { registries: [registry] }),
    (error: Error & { hint?: string; exitCode?: number }) => {
      assert.equal(error.exitCode, 3);
      assert.match(error.message, /2 images are missing/);
      assert.match(error.message, /library\/x:1.*manifests\/a\.yaml:1/);
      assert.match(error.message, /library\/y:1.*manifests\/a\.yaml:3/);
      assert.match(error.hint ?? "", /the local store.*the fake registry/s);
      return true;
    },
  );
  const ignored = new Set(["docker.io/library/x:1"]);
  await assert.rejects(bench.build(tree, { registries: [registry], ignoredImages: ignored }), {
    code: "IMAGE_NOT_FOUND",
    where: "manifests/a.yaml:3",
  });
  assert.deepEqual((await bench.build(tree, { embed: false })).embedded, []);
});

test("an image that is not there for the platform is refused", async (t) => {
  const bench = await Workbench.open(t);
  const registry = await FakeRegistry.holding("docker.io/library/busybox:latest", ["arm64"]);
  const tree = { Kubefile: "FROM scratch\nCOPY imageList manifests\n", imageList: "busybox\n" };
  await assert.rejects(bench.build(tree, { registries: [registry] }), {
    code: "PLATFORM_NOT_FOUND",
    where: "manifests/imageList:1",
    hint: /linux\/arm64/,
  });
});

test("what cannot be told is listed, and refused with strict", async (t) => {
  const bench = await Workbench.open(t);
  const tree = { Kubefile: "FROM scratch\nCOPY a.yaml manifests\n", "a.yaml": "image: ${X}\n" };
  const image = await bench.build(tree);
  assert.deepEqual(image.unresolved, [
    { file: "manifests/a.yaml", line: 1, text: "${X}", why: "a variable fills it in" },
  ]);
  await assert.rejects(bench.build(tree, { strict: true }), { exitCode: 3, where: "manifests/a.yaml:1" });
});

test("a base that is nowhere is told with FROM's line", async (t) => {
  const bench = await Workbench.open(t);
  await assert.rejects(bench.build({ Kubefile: "ARG X=1\nFROM nothing:$X\n" }), {
    code: "IMAGE_NOT_FOUND",
    where: "Kubefile:2",
  });
});

const amd64 = { os: "linux", architecture: "amd64" };

class Workbench {
  readonly store: ImageStore;
  readonly overlayDir: string;
  readonly #test: TestContext;
  readonly #root: string;
  #events: ProgressEvent[] = [];

  private constructor(test: TestContext, root: string, store: ImageStore) {
    this.#test = test;
    this.#root = root;
    this.store = store;
    this.overlayDir = join(root, "data/overlay2");
  }

  static async open(test: TestContext): Promise<Workbench> {
    const root = folderFor(test);
    const store = await ImageStore.open(root);
    test.after(() => store.close());
    return new Workbench(test, root, store);
  }

  build(
    tree: Tree & { readonly Kubefile: string },
    given: Partial<BuildOptions> = {},
  ): Promise<ClusterImage> {
    this.#events = [];
    return buildImage({
      context: plant(folderFor(this.#test), tree),
      kubefile: { text: tree.Kubefile, file: "Kubefile" },
      tag: "app:1",
      platforms: [amd64],
      buildArgs: {},
      store: this.store,
      overlayDir: this.overlayDir,
      cacheDir: join(this.#root, "cache/build"),
      noCache: false,
      compression: "zstd",
      network: "none",
      epoch: 0,
      version: "1",
      withoutBase: false,
      fetchBase: async (name) => {
        await this.store.resolve(name);
        return name;
      },
      imagesFrom: [],
      registries: [],
      extraImages: [],
      ignoredImages: new Set(),
      strict: false,
      embed: true,
      progress: (event) => this.#events.push(event),
      ...given,
    });
  }

  /** How each instruction of the last build ended. */
  outcomes(): string[] {
    return this.#events.flatMap((event) =>
      event.type === "task-finished" && event.id.includes(" line ") ? (event.note ?? event.outcome) : [],
    );
  }

  layerDirs(image: ClusterImage): string[] {
    return image.platforms[0]!.layers.map(({ id }) => join(this.overlayDir, id));
  }

  async files(image: ClusterImage): Promise<string[]> {
    const entries = await Array.fromAsync(new RootfsView(this.layerDirs(image)).walk(""));
    return entries.map(({ path, kind }) => (kind === "directory" ? `${path}/` : path));
  }
}

/** One image that came as an index of small manifests. */
class FakeRegistry implements ImageFinder {
  readonly asked: string[] = [];
  readonly root: Descriptor;
  readonly #reference: string;
  readonly #content: MemoryContent;

  private constructor(reference: string, content: MemoryContent, root: Descriptor) {
    this.#reference = reference;
    this.#content = content;
    this.root = root;
  }

  static async holding(
    reference: string,
    architectures: readonly string[],
    text = "",
  ): Promise<FakeRegistry> {
    const content = new MemoryContent();
    const manifests: Descriptor[] = [];
    for (const architecture of architectures) {
      const layer = await content.add(mediaTypes.dockerLayerGzip, Buffer.from(`${text} ${architecture}`));
      const platform = { architecture, os: "linux" };
      const image = encodeImageConfig({ ...platform, rootfs: { type: "layers", diff_ids: [layer.digest] } });
      const config = await content.add(mediaTypes.dockerConfig, image);
      const manifest = encodeManifest({
        schemaVersion: 2,
        mediaType: mediaTypes.dockerManifest,
        config,
        layers: [layer],
      });
      manifests.push({ ...(await content.add(mediaTypes.dockerManifest, manifest)), platform });
    }
    const index = encodeIndex({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests });
    return new FakeRegistry(reference, content, await content.add(mediaTypes.ociIndex, index));
  }

  placeOf(): string {
    return "the fake registry";
  }

  async find(reference: Parameters<ImageFinder["find"]>[0]) {
    this.asked.push(formatReference(reference));
    if (formatReference(reference) !== this.#reference) return { why: "it has no such image" };
    return { source: this.#content, root: this.root };
  }
}
