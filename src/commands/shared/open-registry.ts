import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Context } from "#cli";
import { type ContentSource, RegistryClient, readCredentials } from "#content";
import { SealerError } from "#errors";
import type { Descriptor, Reference } from "#oci";
import type { Config } from "./read-config.ts";
import { sealerVersion } from "./sealer-version.ts";

/**
 * The repository of a reference in its registry, as config.yml says to reach it, with the credentials of Docker's
 * configuration.
 */
export async function openRegistry(
  { registry, repository }: Pick<Reference, "registry" | "repository">,
  { registries }: Config,
  { env }: Context,
): Promise<RegistryClient> {
  const settings = registries.get(registry);
  const find = readCredentials(dockerConfig(env), env);
  return new RegistryClient({
    domain: registry,
    repository,
    credentials: () => find(registry),
    proxy: env,
    userAgent: `sealer/${await sealerVersion()}`,
    ...(settings?.plainHttp ? { plainHttp: true } : {}),
    ...(settings?.ca === undefined ? {} : { ca: await readCa(settings.ca) }),
    tokenServers: settings?.tokenServers ?? [],
  });
}

/** The same for reading: the registry's mirrors are asked first, in their order, and never given its credentials. */
export async function openForReading(
  reference: Pick<Reference, "registry" | "repository">,
  config: Config,
  context: Context,
): Promise<ContentSource> {
  const { mirrors = [] } = config.registries.get(reference.registry) ?? {};
  const clients = mirrors.map((mirror) => {
    const { host, protocol } = new URL(mirror);
    return openRegistry(
      { ...reference, registry: host },
      withPlainHttp(config, host, protocol === "http:"),
      context,
    );
  });
  const sources = await Promise.all([...clients, openRegistry(reference, config, context)]);
  return sources.length === 1 ? sources[0]! : firstOf(sources);
}

function withPlainHttp(config: Config, host: string, plainHttp: boolean): Config {
  const known = config.registries.get(host) ?? { mirrors: [], tokenServers: [], plainHttp };
  return { ...config, registries: new Map([...config.registries, [host, { ...known, plainHttp }]]) };
}

/** Reads each thing from the first source that has it; when none has, the last one, the registry itself, says why. */
function firstOf(sources: readonly ContentSource[]): ContentSource {
  const ask = async <Result>(work: (source: ContentSource) => Promise<Result>): Promise<Result> => {
    for (const source of sources.slice(0, -1)) {
      try {
        return await work(source);
      } catch (error) {
        if (!(error instanceof SealerError)) throw error;
      }
    }
    return work(sources.at(-1)!);
  };
  return {
    resolve: (reference: string, options) => ask((source) => source.resolve(reference, options)),
    open: (content: Descriptor, options) => ask((source) => source.open(content, options)),
  };
}

function dockerConfig(env: Context["env"]): string {
  return join(env.DOCKER_CONFIG ?? join(env.HOME ?? "/root", ".docker"), "config.json");
}

async function readCa(path: string): Promise<string> {
  return readFile(path, "utf8").catch((cause: Error) => {
    throw new SealerError("CONFIG_INVALID", `cannot read the certificates ${path}: ${cause.message}`, {
      where: path,
      hint: "config.yml names it as ca of a registry.",
      cause,
    });
  });
}
