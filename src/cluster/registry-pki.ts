import "reflect-metadata";
import { webcrypto } from "node:crypto";
import { isIP } from "node:net";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type JsonGeneralName,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";
import type { ClusterHome } from "./cluster-home.ts";

/** PEM texts. */
export interface RegistryPki {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/**
 * The cluster's own CA for its registry, and the registry's certificate. The CA is made once; the certificate again
 * whenever it is asked for other names.
 */
export async function registryPki(home: ClusterHome, names: readonly string[]): Promise<RegistryPki> {
  const held = await readPki(home, names);
  if (held) return held;
  const ca = await authority(home);
  const pair = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.create({
    ...validity(),
    serialNumber: serialNumber(),
    subject: `CN=${names[0]}`,
    issuer: ca.subject,
    publicKey: pair.publicKey,
    signingKey: ca.key,
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(
        names.map((value): JsonGeneralName => ({ type: isIP(value) ? "ip" : "dns", value })),
      ),
    ],
  });
  const made = {
    ca: ca.pem,
    certificate: pemOf(certificate),
    key: await privatePem(pair.privateKey),
  };
  await home.writeSecret("pki/registry.key", made.key);
  await home.writeSecret("pki/registry.crt", made.certificate);
  await home.writeSecret("pki/registry.names", names.join("\n"));
  return made;
}

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

async function readPki(home: ClusterHome, names: readonly string[]): Promise<RegistryPki | undefined> {
  const [ca, certificate, key, held] = await Promise.all(
    ["registry-ca.crt", "registry.crt", "registry.key", "registry.names"].map((name) =>
      home.readSecret(`pki/${name}`),
    ),
  );
  const whole = ca !== undefined && certificate !== undefined && key !== undefined;
  return whole && held === names.join("\n") ? { ca, certificate, key } : undefined;
}

async function authority(home: ClusterHome) {
  const subject = "CN=sealer registry CA";
  const [pem, held] = [
    await home.readSecret("pki/registry-ca.crt"),
    await home.readSecret("pki/registry-ca.key"),
  ];
  if (pem !== undefined && held !== undefined) return { subject, pem, key: await readPrivatePem(held) };
  const pair = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    ...validity(),
    serialNumber: serialNumber(),
    name: subject,
    keys: pair,
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  });
  await home.writeSecret("pki/registry-ca.key", await privatePem(pair.privateKey));
  await home.writeSecret("pki/registry-ca.crt", pemOf(certificate));
  return { subject, pem: pemOf(certificate), key: pair.privateKey };
}

/** From yesterday on, for clocks that are behind; and long, for nobody renews it in a closed network. */
function validity(): { notBefore: Date; notAfter: Date } {
  const day = 86_400_000;
  return { notBefore: new Date(Date.now() - day), notAfter: new Date(Date.now() + 20 * 365 * day) };
}

function serialNumber(): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(16));
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return Buffer.from(bytes).toString("hex");
}

/** Ends in a line end, so that certificates can be put one after the other. */
function pemOf(certificate: X509Certificate): string {
  return `${certificate.toString("pem").trim()}\n`;
}

async function privatePem(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", key)).toString("base64");
  return `-----BEGIN PRIVATE KEY-----\n${der.match(/.{1,64}/g)?.join("\n")}\n-----END PRIVATE KEY-----\n`;
}

function readPrivatePem(pem: string): Promise<webcrypto.CryptoKey> {
  const der = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ""), "base64");
  return webcrypto.subtle.importKey("pkcs8", der, algorithm, false, ["sign"]);
}
