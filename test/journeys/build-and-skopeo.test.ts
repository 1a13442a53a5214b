import assert from "node:assert/strict";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { test } from "node:test";
import { writeOciFolder } from "../fixtures/oci-folder.ts";
import { run, serve } from "../fixtures/programs.ts";
import { type Inspected, Workshop } from "../fixtures/workshop.ts";

test("skopeo copies a ClusterImage out of the store and back, whole, and keeps its digest", async (t) => {
  const { workshop, built } = await builtImage(t);
  const all = ["copy", "--all", "--preserve-digests"];
  const out = workshop.path("out");
  await run("skopeo", ...all, `oci:${workshop.store}:app:1`, `oci:${out}:app:1`);
  await run("skopeo", ...all, `oci:${out}:app:1`, `oci-archive:${workshop.path("app.tar")}:app:2`);
  assert.deepEqual(
    (await readdir(`${out}/blobs/sha256`)).sort(),
    (await readdir(`${workshop.store}/blobs/sha256`)).sort(),
  );

  await workshop.sealer("load", "-i", "app.tar");
  const loaded = await workshop.json<Inspected>("inspect", "app:2");
  assert.deepEqual({ ...loaded, name: "" }, { ...built, name: "" });
});

test("skopeo inspects a ClusterImage and gets the rootfs", async (t) => {
  const { workshop, built } = await builtImage(t);
  const seen = JSON.parse(await run("skopeo", "inspect", `oci:${workshop.store}:app:1`)) as {
    Digest: string;
    Os: string;
    Labels: Record<string, string>;
    Layers: string[];
  };
  assert.deepEqual([seen.Digest, seen.Os, seen.Labels], [built.digest, "linux", { tested: "yes" }]);
  assert.equal(seen.Layers.length, built.platforms[0]?.layers.length);

  const folder = workshop.path("plain");
  await run("skopeo", "copy", `oci:${workshop.store}:app:1`, `dir:${folder}`);
  const manifest = JSON.parse(await readFile(`${folder}/manifest.json`, "utf8")) as { layers: unknown[] };
  assert.equal(manifest.layers.length, seen.Layers.length);
});

test("docker-registry takes a ClusterImage, and sealer gets the same one back from it", async (t) => {
  const { workshop, built } = await builtImage(t);
  const port = await freePort();
  const config = workshop.path("registry.yml");
  await mkdir(workshop.path("registry"));
  await workshop.write({
    "registry.yml": `version: 0.1\nstorage: {filesystem: {rootdirectory: ${workshop.path("registry")}}}\nhttp: {addr: "127.0.0.1:${port}"}\n`,
  });
  await using _registry = await serve(port, "docker-registry", ["serve", config]);
  const there = `127.0.0.1:${port}/apps/app:1`;
  await workshop.sealer("push", "app:1", there);
  await run(
    "skopeo",
    "copy",
    "--all",
    "--preserve-digests",
    "--src-tls-verify=false",
    `docker://${there}`,
    `dir:${workshop.path("copy")}`,
  );

  const elsewhere = await Workshop.open(t);
  await elsewhere.sealer("pull", there);
  const pulled = await elsewhere.json<Inspected>("inspect", there);
  assert.equal(pulled.digest, built.digest);
  assert.deepEqual(pulled.embedded, built.embedded);
  const [layer] = pulled.platforms[0]!.layers;
  assert.ok((await readdir(layer!.path)).includes("etc"), "the rootfs is unpacked for this machine");
});

async function builtImage(t: Parameters<typeof Workshop.open>[0]) {
  const workshop = await Workshop.open(t);
  await writeOciFolder(workshop.path("images"), { tag: "registry.example.com/web:1" });
  await workshop.write({
    Kubefile:
      "FROM scratch\nLABEL tested=yes\nCOPY context .\nRUN mkdir -p q && echo made > q/made\nCMD true\n",
    "context/etc/kubeadm.yml": "a: b\n",
    "context/manifests/imageList": "registry.example.com/web:1\n",
  });
  const built = await workshop.json<Inspected>("build", "-t", "app:1", "--images-from", "images", ".");
  assert.deepEqual(
    built.embedded.map(({ reference }) => reference),
    ["registry.example.com/web:1"],
  );
  return { workshop, built };
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
