import { SealerError } from "#errors";
import { type Host, runScript } from "#hosts";
import type { JoinAccess } from "#kubernetes";
import { hostPaths } from "./host-paths.ts";
import { within } from "./steps/within.ts";

/** Gives what joining needs. Secrets are made when they are asked for first, and are good for two hours; a failure is not kept. */
export class JoinAccessGiver {
  readonly #host: () => Host;
  readonly #cluster: string;
  #token: Promise<Omit<JoinAccess, "certificateKey">> | undefined;
  #key: Promise<string> | undefined;

  /** @param host gives master0 */
  constructor(host: () => Host, cluster: string) {
    this.#host = host;
    this.#cluster = cluster;
  }

  async give(role: "master" | "node", signal?: AbortSignal): Promise<JoinAccess> {
    this.#token ??= this.#makeToken(signal).catch((error) => {
      this.#token = undefined;
      throw error;
    });
    const token = await this.#token;
    if (role === "node") return { ...token, certificateKey: "" };
    this.#key ??= this.#uploadCertificates(signal).catch((error) => {
      this.#key = undefined;
      throw error;
    });
    return { ...token, certificateKey: await this.#key };
  }

  async #makeToken(signal?: AbortSignal): Promise<Omit<JoinAccess, "certificateKey">> {
    const said = await this.#ask("make a token to join with", makeToken, signal);
    const token = /^[a-z0-9]{6}\.[a-z0-9]{16}$/m.exec(said)?.[0];
    const ca = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/.exec(said)?.[0];
    if (!token || !ca) throw new Error("kubeadm printed no token, or the cluster's CA is not there");
    return { token, ca: `${ca}\n` };
  }

  async #uploadCertificates(signal?: AbortSignal): Promise<string> {
    const said = await this.#ask("upload certificates for masters", uploadCertificates, signal);
    const key = /^[0-9a-f]{64}$/m.exec(said)?.[0];
    if (!key) throw new Error("kubeadm printed no certificate key");
    return key;
  }

  /** What it prints is secret: nobody is told it, and no log keeps it. */
  async #ask(title: string, script: string, signal?: AbortSignal): Promise<string> {
    const host = this.#host();
    const config = `${hostPaths(this.#cluster).kubeadm}/init.yaml`;
    const { exitCode, stdout, stderr } = await runScript(host, script, {
      name: title,
      args: [config],
      signal,
    });
    if (exitCode === 0) return stdout;
    throw new SealerError(
      "HOST_COMMAND_FAILED",
      `${host.address}: "${title}" exited ${exitCode}: ${stderr.trim()}`,
      {
        where: host.address,
      },
    );
  }
}

const makeToken = `${within}
set -euo pipefail
export KUBECONFIG=/etc/kubernetes/admin.conf
within 120 kubeadm token create --ttl 2h
cat /etc/kubernetes/pki/ca.crt
`;

const uploadCertificates = `${within}
set -euo pipefail
export KUBECONFIG=/etc/kubernetes/admin.conf
within 180 kubeadm init phase upload-certs --upload-certs --config "$1"
`;
