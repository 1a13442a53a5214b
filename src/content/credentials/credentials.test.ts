import assert from "node:assert/strict";
import { chmod, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { scratch } from "../testing.ts";
import { readCredentials } from "./read-credentials.ts";
import { removeCredentials, saveCredentials } from "./save-credentials.ts";

const login = { username: "u", password: "p:w" };
const auth = Buffer.from("u:p:w").toString("base64");

test("a login is kept, found again and forgotten, and the rest of the file stays", async (t) => {
  const path = await configOf(t, {
    HttpHeaders: { a: "b" },
    auths: { "other.test": { auth } },
    psFormat: "x",
  });
  for (const domain of ["docker.io", "reg.test:5000"]) {
    await saveCredentials(path, domain, login, {});
    assert.deepEqual(await readCredentials(path, {})(domain), login);
  }
  const saved = JSON.parse(await readFile(path, "utf8"));
  assert.deepEqual(Object.keys(saved), ["HttpHeaders", "auths", "psFormat"]);
  assert.deepEqual(Object.keys(saved.auths), ["other.test", "https://index.docker.io/v1/", "reg.test:5000"]);
  assert.equal((await stat(path)).mode & 0o777, 0o600);

  assert.equal(await removeCredentials(path, "docker.io", {}), true);
  assert.equal(await removeCredentials(path, "docker.io", {}), false);
  assert.equal(await readCredentials(path, {})("docker.io"), undefined);
  assert.deepEqual(await readCredentials(path, {})("other.test"), login);
});

test("a first login makes the file, for the user alone", async (t) => {
  const path = join(await scratch(t), "home", ".docker", "config.json");
  assert.equal(await readCredentials(path, {})("reg.test"), undefined);
  await saveCredentials(path, "reg.test", login, {});
  assert.equal((await stat(path)).mode & 0o777, 0o600);
});

test("two logins at once both stay", async (t) => {
  const path = await configOf(t, {});
  const domains = Array.from({ length: 8 }, (_, n) => `r${n}.test`);
  await Promise.all(domains.map((domain) => saveCredentials(path, domain, login, {})));
  for (const domain of domains) assert.deepEqual(await readCredentials(path, {})(domain), login);
});

for (const [key, domain, isFound] of [
  ["reg.test", "reg.test", true],
  ["https://reg.test/v1/", "reg.test", true],
  ["https://reg.test", "reg.test", true],
  ["https://index.docker.io/v1/", "docker.io", true],
  ["reg.test:5000", "reg.test", false],
  ["reg.test", "reg.test:5000", false],
  ["reg.test", "xreg.test", false],
  ["reg.test.evil", "reg.test", false],
  ["reg.test/team", "reg.test", false],
] as const) {
  test(`the login of ${key} is ${isFound ? "" : "not "}used for ${domain}`, async (t) => {
    const path = await configOf(t, { auths: { [key]: { auth } } });
    assert.deepEqual(await readCredentials(path, {})(domain), isFound ? login : undefined);
  });
}

test("identity tokens are told apart from passwords", async (t) => {
  const path = await configOf(t, { auths: { "reg.test": { auth: "", identitytoken: "token" } } });
  assert.equal((await readCredentials(path, {})("reg.test"))?.identityToken, "token");
});

test("helpers are asked first, and keep what is saved", async (t) => {
  const path = await configOf(t, { credHelpers: { "own.test": "own" }, credsStore: "all" });
  const env = await helpers(path, {
    own: `cat > /dev/null; echo '{"Username":"own","Secret":"s"}'`,
    all: `cat > "$(dirname "$0")/$1.in"; [ "$1" != get ] || { echo "credentials not found in native keychain"; exit 1; }`,
  });
  const read = readCredentials(path, env);
  assert.deepEqual(await read("own.test"), { username: "own", password: "s" });
  assert.equal(await read("reg.test"), undefined);

  await saveCredentials(path, "reg.test", login, env);
  const stored = JSON.parse(await readFile(join(path, "..", "store.in"), "utf8"));
  assert.deepEqual(stored, { ServerURL: "reg.test", Username: "u", Secret: "p:w" });
  assert.doesNotMatch(await readFile(path, "utf8"), new RegExp(auth));
});

test("a helper that hangs is given up", async (t) => {
  const path = await configOf(t, { credsStore: "slow" });
  const env = await helpers(path, { slow: "exec sleep 60" });
  const read = readCredentials(path, env, { patience: 200 });
  await assert.rejects(read("reg.test"), { code: "CONFIG_INVALID", exitCode: 2, message: /did not answer/ });
});

test("a helper that is missing, fails or has a strange name is named", async (t) => {
  for (const [name, why] of [
    ["missing", /docker-credential-missing cannot be run/],
    ["broken", /docker-credential-broken failed: locked/],
    ["talks", /gave no user and password/],
    ["../x", /not the name/],
  ] as const) {
    const path = await configOf(t, { credsStore: name });
    const env = await helpers(path, { broken: "echo locked; exit 1", talks: "echo hello" });
    await assert.rejects(readCredentials(path, env)("reg.test"), { code: "CONFIG_INVALID", message: why });
  }
});

for (const [what, text] of [
  ["is not JSON", "{secret"],
  ["is a list", "[]"],
  ["has auths that are none", '{"auths":{"a":"b"}}'],
  ["has a login that cannot be read", '{"auths":{"reg.test":{"auth":"bm9uZQ=="}}}'],
] as const) {
  test(`a file that ${what} is refused, without showing what is in it`, async (t) => {
    const path = join(await scratch(t), "config.json");
    await writeFile(path, text, { mode: 0o600 });
    await assert.rejects(readCredentials(path, {})("reg.test"), (error: Error) => {
      assert.equal((error as { code?: string }).code, "CONFIG_INVALID");
      assert.match(error.message, /config\.json/);
      assert.doesNotMatch(error.message, /secret|bm9u/);
      return true;
    });
  });
}

test("a file that others could read is made private, with a word about it", async (t) => {
  const path = await configOf(t, { auths: { "reg.test": { auth } } });
  await chmod(path, 0o644);
  const warnings: string[] = [];
  await readCredentials(path, {}, { onWarning: (text) => warnings.push(text) })("reg.test");
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.match(warnings.join(), /others could read/);
});

test("a symbolic link in the file's place is refused", async (t) => {
  const path = await configOf(t, { auths: {} });
  const link = join(path, "..", "link.json");
  await symlink(path, link);
  await assert.rejects(readCredentials(link, {})("reg.test"), {
    code: "CONFIG_INVALID",
    message: /symbolic link/,
  });
});

async function configOf(t: TestContext, config: object): Promise<string> {
  const path = join(await scratch(t), "config.json");
  await writeFile(path, JSON.stringify(config), { mode: 0o600 });
  return path;
}

/** Programs in the configuration's folder, and the PATH to find them. */
async function helpers(config: string, scripts: Record<string, string>) {
  const folder = join(config, "..");
  for (const [name, script] of Object.entries(scripts)) {
    await writeFile(join(folder, `docker-credential-${name}`), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  return { PATH: `${folder}:/usr/bin:/bin` };
}
