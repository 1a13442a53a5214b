import type { Algorithms } from "ssh2";

/**
 * What we speak: nothing with SHA-1, no ssh-rsa signatures, no CBC; the fastest cipher first. Host key types by which the
 * host is known come first, so that it shows the key that can be checked.
 */
export function secureAlgorithms(knownKeyTypes: readonly string[]): Algorithms {
  const known = knownKeyTypes.flatMap((type) => (type === "ssh-rsa" ? rsaSignatures : [type]));
  const first = hostKeys.filter((algorithm) => known.includes(algorithm));
  return {
    kex: [
      "curve25519-sha256",
      "curve25519-sha256@libssh.org",
      "ecdh-sha2-nistp256",
      "ecdh-sha2-nistp384",
      "ecdh-sha2-nistp521",
      "diffie-hellman-group-exchange-sha256",
      "diffie-hellman-group14-sha256",
      "diffie-hellman-group16-sha512",
      "diffie-hellman-group18-sha512",
    ],
    cipher: [
      "aes128-gcm@openssh.com",
      "aes256-gcm@openssh.com",
      "chacha20-poly1305@openssh.com" as never,
      "aes128-ctr",
      "aes192-ctr",
      "aes256-ctr",
    ],
    serverHostKey: [...first, ...hostKeys.filter((algorithm) => !first.includes(algorithm))] as never,
    hmac: [
      "hmac-sha2-256-etm@openssh.com",
      "hmac-sha2-512-etm@openssh.com",
      "hmac-sha2-256",
      "hmac-sha2-512",
    ],
    // Layers travel compressed already.
    compress: ["none"],
  };
}

const rsaSignatures = ["rsa-sha2-512", "rsa-sha2-256"];

const hostKeys = [
  "ssh-ed25519",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  ...rsaSignatures,
];
