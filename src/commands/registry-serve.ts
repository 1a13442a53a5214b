import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { command } from "#cli";
import { SealerError } from "#errors";
import { fsError } from "#files";
import { parseListenAddress, parseRegistryConfig, type RegistryConfig, startRegistry } from "#registry";

export const registryServe = command({
  name: "registry serve",
  summary: "Serve container images from a folder, as a registry",
  flags: {
    config: {
      type: "string",
      value: "FILE",
      summary: "Configuration, as the distribution registry's config.yml",
    },
    addr: { type: "string", value: "HOST:PORT", summary: "Where to listen (:5000)" },
    root: {
      type: "string",
      value: "DIR",
      summary: "The folder that holds the images (SEALER_ROOT/registry)",
    },
    "tls-cert": { type: "string", value: "FILE", summary: "Certificate in PEM; needs --tls-key" },
    "tls-key": { type: "string", value: "FILE", summary: "Its key in PEM" },
    htpasswd: {
      type: "string",
      value: "FILE",
      summary: "Users and bcrypt hashes; without it everybody may write",
    },
  },
  description: `Flags win over REGISTRY_… variables of the environment, and these over the file. Logs, one line a request,
go to stdout. SIGTERM lets running requests end.

  sealer registry serve --addr 127.0.0.1:5000 --root ./images`,
  async run({ flags }, { env, cwd, root, signal, stdout }) {
    const path = flags.config === undefined ? undefined : resolve(cwd, flags.config);
    const text = path === undefined ? "" : await readConfig(path);
    const written = parseRegistryConfig(text, path ?? "the built-in configuration", env);
    const config = withFlags(
      path === undefined ? { ...written, rootDirectory: `${root}/registry` } : written,
    );
    const registry = await startRegistry(config, { signal, write: (line) => void stdout.write(`${line}\n`) });
    await registry.closed;

    function withFlags(config: RegistryConfig): RegistryConfig {
      const { addr, htpasswd } = flags;
      const file = (name: string) => resolve(cwd, name);
      return {
        ...config,
        ...(flags.root === undefined ? {} : { rootDirectory: file(flags.root) }),
        ...(htpasswd === undefined
          ? {}
          : { auth: { realm: "Registry", anonymous: "none", ...config.auth, path: file(htpasswd) } }),
        http: {
          ...config.http,
          ...(addr === undefined ? {} : { address: listenAddress(addr) }),
          ...tlsFlags(config, flags["tls-cert"], flags["tls-key"], file),
        },
      };
    }
  },
});

async function readConfig(path: string): Promise<string> {
  return readFile(path, "utf8").catch((error) => {
    throw fsError(error, "read the configuration", path);
  });
}

function listenAddress(text: string) {
  const address = parseListenAddress(text);
  if (address) return address;
  throw new SealerError("USAGE", `"${text}" is not an address to listen on`, {
    where: "--addr",
    hint: "Write it as :5000 or 127.0.0.1:5000.",
  });
}

function tlsFlags(
  { http }: RegistryConfig,
  certificate: string | undefined,
  key: string | undefined,
  file: (name: string) => string,
): Partial<Pick<RegistryConfig["http"], "tls">> {
  if (certificate === undefined && key === undefined) return {};
  if (certificate === undefined || key === undefined) {
    throw new SealerError("USAGE", "--tls-cert and --tls-key belong together");
  }
  return {
    tls: { clientCas: [], minimum: "TLSv1.2", ...http.tls, certificate: file(certificate), key: file(key) },
  };
}
