import { createPrivateKey, type KeyObject } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { ParsedKey } from "ssh2";
import ssh2 from "ssh2";
import { SealerError } from "#errors";
import { encodeOpenSshKey } from "./openssh-key.ts";

/**
 * Reads a private key: OpenSSH's own format, PEM (PKCS#1, SEC1, PKCS#8) or PuTTY's.
 * @param name how messages call it, such as its path
 * @throws HOST_LOGIN_REFUSED when it needs a passphrase, the passphrase is wrong, or it is no private key
 */
export function parsePrivateKey(
  text: string,
  passphrase: string | undefined,
  name = "the private key",
): ParsedKey {
  if (text.includes("BEGIN PRIVATE KEY") || text.includes("BEGIN ENCRYPTED PRIVATE KEY")) {
    return parsed(fromPkcs8(text, passphrase, name), undefined, name);
  }
  return parsed(`${text.trim()}\n`, passphrase, name);
}

/**
 * The text of a private key file.
 * @throws FILE_NOT_FOUND, FILE_INVALID when it cannot be read
 */
export async function readPrivateKey(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw new SealerError(
      missing ? "FILE_NOT_FOUND" : "FILE_INVALID",
      missing
        ? `There is no private key ${path}`
        : `The private key ${path} cannot be read: ${(error as Error).message}`,
      { where: path, hint: "Name the key file with --pk, or log in with a password (-p).", cause: error },
    );
  }
}

function parsed(text: string, passphrase: string | undefined, name: string): ParsedKey {
  const key: ParsedKey | Error = firstOf(ssh2.utils.parseKey(text, passphrase));
  if (!(key instanceof Error)) {
    if (key.isPrivateKey()) return key;
    throw refused(`${name} is a public key`, "Give the private key: the file without .pub.");
  }
  if (/no passphrase given/i.test(key.message)) throw needsPassphrase(name);
  if (/bad passphrase|bad decrypt|integrity|Malformed/i.test(key.message) && passphrase !== undefined) {
    throw wrongPassphrase(name, key);
  }
  throw refused(`${name} is not a private key that sealer can read (${key.message})`, readable, key);
}

function firstOf<Key>(keys: Key | Key[]): Key {
  return Array.isArray(keys) ? keys[0]! : keys;
}

/** ssh2 does not read PKCS#8; Node does, and writes what ssh2 reads. */
function fromPkcs8(text: string, passphrase: string | undefined, name: string): string {
  if (text.includes("BEGIN ENCRYPTED") && passphrase === undefined) throw needsPassphrase(name);
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: text, ...(passphrase === undefined ? {} : { passphrase }) });
  } catch (error) {
    if (text.includes("BEGIN ENCRYPTED")) throw wrongPassphrase(name, error);
    throw refused(`${name} is damaged: ${(error as Error).message}`, readable, error);
  }
  switch (key.asymmetricKeyType) {
    case "ed25519":
      return encodeOpenSshKey(key, "").privateKey;
    case "rsa":
      return key.export({ type: "pkcs1", format: "pem" }).toString();
    case "ec":
      return key.export({ type: "sec1", format: "pem" }).toString();
    default:
      throw refused(`${name} is of the kind ${key.asymmetricKeyType}, which SSH does not know`, readable);
  }
}

const readable = "Use an ed25519, ECDSA or RSA key in OpenSSH or PEM format.";

function needsPassphrase(name: string): SealerError {
  return refused(`${name} is encrypted and needs its passphrase`, "Give it with --pk-passwd.");
}

function wrongPassphrase(name: string, cause: unknown): SealerError {
  return refused(`The passphrase does not open ${name}`, "Check --pk-passwd.", cause);
}

function refused(message: string, hint: string, cause?: unknown): SealerError {
  return new SealerError("HOST_LOGIN_REFUSED", message, { hint, cause });
}
