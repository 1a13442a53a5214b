import { generateKeyPairSync } from "node:crypto";
import { encodeOpenSshKey, type KeyPair } from "./openssh-key.ts";

/** A new ed25519 key. The comment becomes part of both halves, on one line. */
export function generateKeyPair(comment: string): KeyPair {
  return encodeOpenSshKey(generateKeyPairSync("ed25519").privateKey, comment.replaceAll(/\s+/g, " ").trim());
}
