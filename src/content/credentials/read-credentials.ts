import { SealerError } from "#errors";
import type { Credentials } from "../registry/authorizer.ts";
import { runCredentialHelper } from "./credential-helper.ts";
import { type DockerAuth, type DockerConfig, isKeyOf, keyOf, readDockerConfig } from "./docker-config.ts";

interface ReadOptions {
  readonly onWarning?: (text: string) => void;
  /** Milliseconds that a helper may take; ten seconds. */
  readonly patience?: number;
}

/**
 * What Docker knows of logins: `configPath` is `~/.docker/config.json`, whose helpers are found by `env.PATH`. The file
 * is read at each question. @throws CONFIG_INVALID
 */
export function readCredentials(
  configPath: string,
  env: Readonly<Record<string, string | undefined>>,
  options: ReadOptions = {},
): (domain: string) => Promise<Credentials | undefined> {
  return async (domain) => {
    const config = await readDockerConfig(configPath, options.onWarning);
    const helper = helperFor(config, domain);
    const fromHelper = helper && (await askHelper(helper, domain, { ...options, env }));
    if (fromHelper) return fromHelper;
    const [, auth] = Object.entries(config.auths ?? {}).find(([key]) => isKeyOf(key, domain)) ?? [];
    return auth && decode(auth, domain, configPath);
  };
}

export function helperFor(config: DockerConfig, domain: string): string | undefined {
  const [, own] = Object.entries(config.credHelpers ?? {}).find(([key]) => isKeyOf(key, domain)) ?? [];
  return own || config.credsStore || undefined;
}

async function askHelper(
  helper: string,
  domain: string,
  options: ReadOptions & { readonly env: Readonly<Record<string, string | undefined>> },
): Promise<Credentials | undefined> {
  const answer = await runCredentialHelper(helper, "get", keyOf(domain), options);
  if (answer === undefined) return undefined;
  try {
    const { Username, Secret } = JSON.parse(answer);
    if (typeof Username === "string" && typeof Secret === "string") return credentials(Username, Secret);
  } catch {}
  throw new SealerError(
    "CONFIG_INVALID",
    `docker-credential-${helper} gave no user and password for ${domain}`,
    {
      hint: "Log in again, or remove the helper from ~/.docker/config.json.",
    },
  );
}

function decode(
  { auth = "", identitytoken }: DockerAuth,
  domain: string,
  path: string,
): Credentials | undefined {
  const text = Buffer.from(auth, "base64").toString().replace(/\0+$/, "");
  const colon = text.indexOf(":");
  const [username, password] = [text.slice(0, Math.max(0, colon)), text.slice(colon + 1)];
  if (typeof identitytoken === "string" && identitytoken !== "") {
    return { username, password, identityToken: identitytoken };
  }
  if (auth === "") return undefined;
  if (colon > 0) return credentials(username, password);
  throw new SealerError("CONFIG_INVALID", `the login for ${domain} in ${path} cannot be read`, {
    where: path,
    hint: `Log in again: sealer login ${domain}.`,
  });
}

/** Docker's mark for a secret that is no password. */
function credentials(username: string, secret: string): Credentials {
  return username === "<token>"
    ? { username: "", password: "", identityToken: secret }
    : { username, password: secret };
}
