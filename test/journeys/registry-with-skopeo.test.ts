import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { hash } from "bcryptjs";
import { hexOf } from "#oci";
import { parseRegistryConfig, type RegistryConfig, startRegistry } from "#registry";
import { writeOciFolder } from "../fixtures/oci-folder.ts";
import { run, serve } from "../fixtures/programs.ts";

const folder = await mkdtemp(join(tmpdir(), "registry-journey-"));
after(() => rm(folder, { recursive: true }));
const image = join(folder, "image");
const { digest } = await writeOciFolder(image, { bytes: 3_000_000 });

test("skopeo takes images in and out over plain http", async () => {
  await using registry = await start();
  const there = `docker://127.0.0.1:${registry.port}/library/app:v1`;

  await run("skopeo", "copy", "--dest-tls-verify=false", `oci:${image}:v1`, there);
  await run("skopeo", "copy", "--src-tls-verify=false", there, `oci:${join(folder, "back")}:v1`);

  assert.equal(
    (await run("skopeo", "inspect", "--tls-verify=false", "--format={{.Digest}}", there)).trim(),
    digest,
  );
  assert.match(await readFile(join(folder, "back/index.json"), "utf8"), new RegExp(hexOf(digest)));
  const tags = await run("skopeo", "list-tags", "--tls-verify=false", there.replace(/:v1$/, ""));
  assert.deepEqual(JSON.parse(tags).Tags, ["v1"]);
});

test("skopeo copies between repositories, between domains, and deletes", async () => {
  await using registry = await start({ delete: true });
  const at = `docker://127.0.0.1:${registry.port}`;
  const plain = ["--src-tls-verify=false", "--dest-tls-verify=false"];
  await run("skopeo", "copy", "--dest-tls-verify=false", `oci:${image}:v1`, `${at}/docker.io/library/app:v1`);

  await run("skopeo", "copy", ...plain, `${at}/library/app:v1`, `${at}/other/app:v2`);
  await run("skopeo", "delete", "--tls-verify=false", `${at}/other/app:v2`);

  await assert.rejects(
    run("skopeo", "inspect", "--tls-verify=false", `${at}/other/app:v2`),
    /manifest unknown/,
  );
  await run("skopeo", "inspect", "--tls-verify=false", `${at}/app:v1`);
});

test("skopeo speaks TLS and logs in", async () => {
  const certs = await certificate();
  const htpasswd = join(folder, "htpasswd");
  await writeFile(htpasswd, `admin:${await hash("passw0rd", 5)}\n`);
  await using registry = await start({ tls: certs, htpasswd, anonymous: "none" });
  const there = `docker://127.0.0.1:${registry.port}/library/app:v1`;
  const trust = `--dest-cert-dir=${certs.folder}`;

  await assert.rejects(
    run("skopeo", "copy", trust, `oci:${image}:v1`, there),
    /unauthorized|authentication/i,
  );
  const wrong = run("skopeo", "copy", trust, "--dest-creds=admin:wrong", `oci:${image}:v1`, there);
  await assert.rejects(wrong, /unauthorized|authentication/i);
  await run("skopeo", "copy", trust, "--dest-creds=admin:passw0rd", `oci:${image}:v1`, there);
  const source = [`--src-cert-dir=${certs.folder}`, "--src-creds=admin:passw0rd"];
  await run("skopeo", "copy", ...source, there, `dir:${join(folder, "over-tls")}`);
});

test("with anonymous: pull, skopeo reads without a login and writes with one", async () => {
  const htpasswd = join(folder, "htpasswd-pull");
  await writeFile(htpasswd, `admin:${await hash("passw0rd", 5)}\n`);
  await using registry = await start({ htpasswd, anonymous: "pull" });
  const there = `docker://127.0.0.1:${registry.port}/library/app:v1`;
  const push = ["copy", "--dest-tls-verify=false", `oci:${image}:v1`, there];

  await assert.rejects(run("skopeo", ...push), /unauthorized|denied|authentication/i);
  await run("skopeo", ...push, "--dest-creds=admin:passw0rd");
  await run("skopeo", "copy", "--src-tls-verify=false", there, `dir:${join(folder, "anonymous")}`);
});

test("Debian's docker-registry serves the folder that we wrote", async () => {
  const root = join(folder, "ours");
  {
    await using registry = await start({ root });
    const there = `docker://127.0.0.1:${registry.port}`;
    for (const name of ["library/app:v1", "docker.io/library/nginx:1", "reg.test1.com__5000/app:2"]) {
      await run("skopeo", "copy", "--dest-tls-verify=false", `oci:${image}:v1`, `${there}/${name}`);
    }
  }
  await using theirs = await dockerRegistry(root);
  const there = `docker://127.0.0.1:${theirs.port}`;
  for (const name of ["library/app:v1", "docker.io/library/nginx:1", "reg.test1.com__5000/app:2"]) {
    const copied = join(folder, `theirs-${name.replace(/\W/g, "-")}`);
    await run("skopeo", "copy", "--src-tls-verify=false", `${there}/${name}`, `oci:${copied}:v1`);
    assert.match(await readFile(join(copied, "index.json"), "utf8"), new RegExp(hexOf(digest)));
  }
  const catalog = await (await fetch(`http://127.0.0.1:${theirs.port}/v2/_catalog`)).json();
  assert.deepEqual(catalog, {
    repositories: ["docker.io/library/nginx", "library/app", "reg.test1.com__5000/app"],
  });
});

test("we serve the folder that Debian's docker-registry wrote", async () => {
  const root = join(folder, "theirs");
  await mkdir(root);
  {
    await using theirs = await dockerRegistry(root);
    const there = `docker://127.0.0.1:${theirs.port}/library/app:v1`;
    await run("skopeo", "copy", "--dest-tls-verify=false", `oci:${image}:v1`, there);
    await run(
      "skopeo",
      "copy",
      "--dest-tls-verify=false",
      "--format=v2s2",
      `oci:${image}:v1`,
      there.replace("v1", "v2"),
    );
  }
  await using registry = await start({ root });
  const there = `docker://127.0.0.1:${registry.port}/library/app`;
  assert.equal(
    (await run("skopeo", "inspect", "--tls-verify=false", "--format={{.Digest}}", `${there}:v1`)).trim(),
    digest,
  );
  await run("skopeo", "copy", "--src-tls-verify=false", `${there}:v2`, `dir:${join(folder, "v2s2")}`);
  await run("skopeo", "copy", "--dest-tls-verify=false", `oci:${image}:v1`, `${there}:v3`);
});

test("the command serves what its flags say and ends when it is asked to", async () => {
  const port = await freePort();
  const sealer = join(import.meta.dirname, "../../bin/sealer");
  const root = join(folder, "by-command");
  const args = ["registry", "serve", "--addr", `127.0.0.1:${port}`, "--root", root];
  const serving = await serve(port, sealer, args);
  const there = `docker://127.0.0.1:${port}/library/app:v1`;
  await run("skopeo", "copy", "--dest-tls-verify=false", `oci:${image}:v1`, there);
  await serving[Symbol.asyncDispose]();
  assert.equal(serving.child.exitCode, 0);
  const lines = serving
    .output()
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.ok(
    lines.some(
      ({ method, path, status }) =>
        method === "PUT" && path === "/v2/library/app/manifests/v1" && status === 201,
    ),
  );
});

interface Settings {
  readonly root?: string;
  readonly tls?: { readonly certificate: string; readonly key: string };
  readonly htpasswd?: string;
  readonly anonymous?: "none" | "pull";
  readonly delete?: boolean;
}

async function start({
  root,
  tls,
  htpasswd,
  anonymous = "none",
  delete: deleteEnabled = false,
}: Settings = {}) {
  const base = parseRegistryConfig("", "journey");
  const config: RegistryConfig = {
    ...base,
    rootDirectory: root ?? join(folder, crypto.randomUUID()),
    deleteEnabled,
    auth: htpasswd ? { realm: "Journey", path: htpasswd, anonymous } : undefined,
    http: {
      ...base.http,
      address: { host: "127.0.0.1", port: 0 },
      tls: tls && { ...tls, clientCas: [], minimum: "TLSv1.2" },
    },
  };
  const registry = await startRegistry(config, { write() {} });
  const port = Number(new URL(registry.addresses[0]!).port);
  return { port, [Symbol.asyncDispose]: () => registry.close() };
}

async function dockerRegistry(root: string) {
  const port = await freePort();
  const config = join(folder, `docker-registry-${port}.yml`);
  await writeFile(
    config,
    `version: 0.1\nstorage: {filesystem: {rootdirectory: ${root}}}\nhttp: {addr: "127.0.0.1:${port}"}\n`,
  );
  return Object.assign(await serve(port, "docker-registry", ["serve", config]), { port });
}

async function certificate() {
  const certs = join(folder, "certs");
  await mkdir(certs, { recursive: true });
  const [certificate, key] = [join(certs, "ca.crt"), join(folder, "server-key.pem")];
  const subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
  await run("openssl", "req", "-x509", ...curve, "-nodes", "-keyout", key, "-out", certificate, ...subject);
  return { folder: certs, certificate, key };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
