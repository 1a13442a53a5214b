import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { generateKeyPair } from "./generate-key-pair.ts";
import { parsePrivateKey, readPrivateKey } from "./private-key.ts";

const keys = mkdtempSync(join(tmpdir(), "keys-"));
after(() => rmSync(keys, { recursive: true, force: true }));

test("makes ed25519 keys that OpenSSH and we read", () => {
  const { privateKey, publicKey } = generateKeyPair("sealer my\ncluster");

  assert.match(publicKey, /^ssh-ed25519 AAAA\S+ sealer my cluster$/);
  assert.equal(
    parsePrivateKey(privateKey, undefined).getPublicSSH().toString("base64"),
    publicKey.split(" ")[1],
  );
  assert.equal(publicHalfByOpenSsh(privateKey), publicKey);
});

for (const [kind, bits] of [
  ["rsa", "2048"],
  ["ecdsa", "256"],
  ["ecdsa", "521"],
  ["ed25519", "256"],
] as const) {
  for (const format of kind === "ed25519" ? ["RFC4716"] : ["RFC4716", "PEM", "PKCS8"]) {
    for (const passphrase of [undefined, "open sesame"]) {
      test(`reads ${kind} ${bits} in ${format}${passphrase ? " with its passphrase" : ""}`, () => {
        const { privateKey, publicKey } = keyByOpenSsh(kind, bits, format, passphrase ?? "");

        const key = parsePrivateKey(privateKey, passphrase);

        assert.equal(key.getPublicSSH().toString("base64"), publicKey.split(" ")[1]);
        if (!passphrase) return;
        assert.throws(() => parsePrivateKey(privateKey, undefined), {
          code: "HOST_LOGIN_REFUSED",
          message: /needs its passphrase/,
        });
        assert.throws(() => parsePrivateKey(privateKey, "wrong"), {
          code: "HOST_LOGIN_REFUSED",
          message: /does not open/,
        });
      });
    }
  }
}

test("reads an ed25519 key in PKCS#8", () => {
  const pem = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString();

  assert.equal(parsePrivateKey(pem, undefined).type, "ssh-ed25519");
});

test("reads a key with Windows line ends and blanks around it", () => {
  const { privateKey } = generateKeyPair("");

  assert.ok(parsePrivateKey(`\r\n${privateKey.replaceAll("\n", "\r\n")}\r\n`, undefined).isPrivateKey());
});

test("says what is wrong with a file that is no private key", () => {
  const { privateKey, publicKey } = generateKeyPair("");
  const damaged = privateKey.replace(/\n.{30}/, "\n");

  assert.throws(() => parsePrivateKey(publicKey, undefined, "id.pub"), {
    code: "HOST_LOGIN_REFUSED",
    message: "id.pub is a public key",
  });
  for (const text of ["", "hello", damaged]) {
    assert.throws(() => parsePrivateKey(text, undefined, "id"), {
      code: "HOST_LOGIN_REFUSED",
      message: /^id is not a private key that sealer can read/,
    });
  }
});

test("says that a key file is missing", async () => {
  await assert.rejects(readPrivateKey("/no/such/key"), {
    code: "FILE_NOT_FOUND",
    message: "There is no private key /no/such/key",
  });
  await assert.rejects(readPrivateKey("/"), { code: "FILE_INVALID" });
});

/** The key of each kind is made once; a copy of it is brought into the format. One round of its KDF is enough to read. */
function keyByOpenSsh(kind: string, bits: string, format: string, passphrase: string) {
  const made = `${kind}-${bits}`;
  if (!existsSync(join(keys, made))) {
    execFileSync("ssh-keygen", ["-q", "-t", kind, "-b", bits, "-N", "", "-f", join(keys, made)]);
  }
  return inFolder((folder) => {
    const path = join(folder, "key");
    copyFileSync(join(keys, made), path);
    const form = format === "RFC4716" ? ["-a", "1"] : ["-m", format];
    execFileSync("ssh-keygen", ["-q", "-p", "-P", "", ...form, "-N", passphrase, "-f", path]);
    const publicKey = readFileSync(join(keys, `${made}.pub`), "utf8");
    return { privateKey: readFileSync(path, "utf8"), publicKey };
  });
}

function publicHalfByOpenSsh(privateKey: string): string {
  return inFolder((folder) => {
    writeFileSync(join(folder, "key"), privateKey, { mode: 0o600 });
    return execFileSync("ssh-keygen", ["-y", "-f", join(folder, "key")], { encoding: "utf8" }).trim();
  });
}

function inFolder<Result>(work: (folder: string) => Result): Result {
  const folder = mkdtempSync(join(tmpdir(), "keys-"));
  try {
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
