import { createHash, type Hash } from "node:crypto";
import { SealerError } from "#errors";

/** Content's own name (OCI image-spec, descriptor.md): the algorithm, a colon, lower-case hex. */
export type Digest = `sha256:${string}` | `sha512:${string}`;

const lengths = { sha256: 64, sha512: 128 } as const;
export type DigestAlgorithm = keyof typeof lengths;

/** @throws DIGEST_INVALID for anything but a whole sha256 or sha512 digest, before any path or URL is made of it. */
export function parseDigest(text: string): Digest {
  if (!isDigest(text)) {
    throw new SealerError("DIGEST_INVALID", `"${text.slice(0, 150)}" is not a digest`, {
      hint: "A digest is sha256: and 64 lower-case hex digits, or sha512: and 128.",
    });
  }
  return text;
}

export function isDigest(text: unknown): text is Digest {
  if (typeof text !== "string") return false;
  const match = /^(sha256|sha512):([0-9a-f]+)$/.exec(text);
  return match !== null && match[2]!.length === lengths[match[1] as DigestAlgorithm];
}

export function digestOf(bytes: Uint8Array | string, algorithm: DigestAlgorithm = "sha256"): Digest {
  return digestFromHash(createHash(algorithm).update(bytes), algorithm);
}

/** Closes a running hash into the digest of all that was put into it. */
export function digestFromHash(hash: Hash, algorithm: DigestAlgorithm = "sha256"): Digest {
  return `${algorithm}:${hash.digest("hex")}`;
}

export function algorithmOf(digest: Digest): DigestAlgorithm {
  return digest.startsWith("sha512:") ? "sha512" : "sha256";
}

export function hexOf(digest: Digest): string {
  return digest.slice(digest.indexOf(":") + 1);
}
