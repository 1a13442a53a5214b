import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { generateKeyPair } from "./generate-key-pair.ts";
import { fingerprintOf, KnownHosts } from "./known-hosts.ts";

test("remembers a host at first sight and knows it again", async () => {
  await using file = await temporaryFile();
  const [key, text] = newKey();

  const first = await new KnownHosts(file.path).check("10.0.0.1", 22, key);
  const second = await new KnownHosts(file.path).check("10.0.0.1", 22, key);

  assert.deepEqual([first.firstSeen, second.firstSeen], [true, false]);
  assert.equal(first.fingerprint, fingerprintOf(key));
  assert.equal(await readFile(file.path, "utf8"), `10.0.0.1 ssh-ed25519 ${text}\n`);
  assert.equal((await stat(file.path)).mode & 0o777, 0o600);
});

test("tells ports and addresses apart, in OpenSSH's way of writing them", async () => {
  await using file = await temporaryFile();
  const known = new KnownHosts(file.path);
  for (const [address, port] of [
    ["10.0.0.1", 22],
    ["10.0.0.1", 2222],
    ["fd00::1", 22],
    ["fd00::1", 2222],
  ] as const) {
    assert.ok((await known.check(address, port, newKey()[0])).firstSeen);
  }

  const names = (await readFile(file.path, "utf8")).split("\n").map((line) => line.split(" ")[0]);

  assert.deepEqual(names, ["10.0.0.1", "[10.0.0.1]:2222", "fd00::1", "[fd00::1]:2222", ""]);
});

test("refuses a changed key with both fingerprints and what to do, and keeps the file", async () => {
  await using file = await temporaryFile();
  const known = new KnownHosts(file.path);
  const [before] = newKey();
  const [now] = newKey();
  await known.check("10.0.0.1", 2222, before);
  const text = await readFile(file.path, "utf8");

  await assert.rejects(
    known.check("10.0.0.1", 2222, now),
    (error: Error & { code?: string; hint?: string }) => {
      assert.equal(error.code, "HOST_KEY_CHANGED");
      assert.ok(error.message.includes(fingerprintOf(before)) && error.message.includes(fingerprintOf(now)));
      assert.match(error.hint ?? "", /ssh-keygen -R '\[10\.0\.0\.1\]:2222' -f/);
      return true;
    },
  );
  assert.equal(await readFile(file.path, "utf8"), text);
});

test("refuses a key of another type than the one that is known", async () => {
  await using file = await temporaryFile("10.0.0.1 ecdsa-sha2-nistp256 AAAAE2VjZHNh\n");

  await assert.rejects(new KnownHosts(file.path).check("10.0.0.1", 22, newKey()[0]), {
    code: "HOST_KEY_CHANGED",
  });
  assert.deepEqual(await new KnownHosts(file.path).knownTypes("10.0.0.1", 22), ["ecdsa-sha2-nistp256"]);
});

test("reads hashed names, patterns, several names, comments and revoked keys", async () => {
  const [key, text] = newKey();
  const salt = Buffer.from("salt");
  const hash = createHmac("sha1", salt).update("10.0.0.1").digest("base64");
  const lines = [
    "# a comment",
    `|1|${salt.toString("base64")}|${hash} ssh-ed25519 ${text} root@there`,
    `10.1.0.*,!10.1.0.9,other ssh-ed25519 ${text}`,
    `@revoked 10.2.0.1 ssh-ed25519 ${text}`,
    `@cert-authority * ssh-ed25519 ${text}`,
    "not a line",
  ];
  await using file = await temporaryFile(lines.join("\n"));
  const known = new KnownHosts(file.path, { unknown: "refuse" });

  for (const address of ["10.0.0.1", "10.1.0.7", "other"]) {
    assert.equal((await known.check(address, 22, key)).firstSeen, false);
  }
  await assert.rejects(known.check("10.1.0.9", 22, key), { code: "HOST_KEY_UNKNOWN" });
  await assert.rejects(known.check("10.2.0.1", 22, key), { code: "HOST_KEY_CHANGED", message: /revoked/ });
});

test("forgets one host and keeps every other line as it is", async () => {
  const text =
    "# kept\n10.0.0.1,alias ssh-ed25519 AAAA one\n[10.0.0.1]:2222 ssh-ed25519 BBBB\n10.0.0.1 ssh-rsa CCCC\n";
  await using file = await temporaryFile(text);

  await new KnownHosts(file.path).forget("10.0.0.1");
  await new KnownHosts(file.path).forget("10.0.0.7");

  assert.equal(
    await readFile(file.path, "utf8"),
    "# kept\nalias ssh-ed25519 AAAA one\n[10.0.0.1]:2222 ssh-ed25519 BBBB\n",
  );
});

test("meets many hosts at once without losing one", async () => {
  await using file = await temporaryFile("10.9.9.9 ssh-ed25519 AAAA");
  const known = new KnownHosts(file.path);

  await Promise.all(
    Array.from({ length: 50 }, (_, index) => known.check(`10.0.0.${index}`, 22, newKey()[0])),
  );

  assert.equal((await readFile(file.path, "utf8")).trim().split("\n").length, 51);
});

function newKey(): [Buffer, string] {
  const text = generateKeyPair("").publicKey.split(" ")[1] ?? "";
  return [Buffer.from(text, "base64"), text];
}

async function temporaryFile(text?: string) {
  const folder = await mkdtemp(join(tmpdir(), "known-hosts-"));
  const path = join(folder, "home/known_hosts");
  if (text !== undefined) {
    await mkdir(join(folder, "home"));
    await writeFile(path, text);
  }
  return { path, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}
