import { createHash, X509Certificate } from "node:crypto";

/** How kubeadm pins the cluster's CA: SHA-256 of the DER of its public key (SubjectPublicKeyInfo). */
export function caCertificateHash(pem: string): string {
  const der = new X509Certificate(pem).publicKey.export({ type: "spki", format: "der" });
  return `sha256:${createHash("sha256").update(der).digest("hex")}`;
}
