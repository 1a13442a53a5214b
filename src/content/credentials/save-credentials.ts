import { dirname, join } from "node:path";
import { SealerError } from "#errors";
import { acquireLock, makeDirectory, writeFileAtomic } from "#files";
import { runCredentialHelper } from "./credential-helper.ts";
import { type DockerAuth, type DockerConfig, isKeyOf, keyOf, readDockerConfig } from "./docker-config.ts";
import { helperFor } from "./read-credentials.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Keeps a login where Docker does: in a helper, where one is set up, or else in `configPath`, which gets mode 0600. */
export async function saveCredentials(
  configPath: string,
  domain: string,
  { username, password }: { readonly username: string; readonly password: string },
  env: Environment,
): Promise<void> {
  if (username === "" || username.includes(":")) {
    throw new SealerError("USAGE", "a user name is not empty and has no colon");
  }
  await changing(configPath, async (config) => {
    const helper = helperFor(config, domain);
    if (!helper) {
      const auth = Buffer.from(`${username}:${password}`).toString("base64");
      return { ...config, auths: { ...withoutAuth(config, domain), [keyOf(domain)]: { auth } } };
    }
    const login = JSON.stringify({ ServerURL: keyOf(domain), Username: username, Secret: password });
    await runCredentialHelper(helper, "store", login, { env });
    return { ...config, auths: { ...withoutAuth(config, domain), [keyOf(domain)]: {} } };
  });
}

/** Forgets a login; false where there was none. */
export async function removeCredentials(
  configPath: string,
  domain: string,
  env: Environment,
): Promise<boolean> {
  let found = false;
  await changing(configPath, async (config) => {
    const helper = helperFor(config, domain);
    if (helper && (await runCredentialHelper(helper, "get", keyOf(domain), { env })) !== undefined) {
      await runCredentialHelper(helper, "erase", keyOf(domain), { env });
      found = true;
    }
    const auths = withoutAuth(config, domain);
    const isThere = Object.keys(auths).length < Object.keys(config.auths ?? {}).length;
    found ||= isThere;
    return isThere ? { ...config, auths } : undefined;
  });
  return found;
}

/** Two logins at once both stay. What else is in the file is kept. */
async function changing(
  path: string,
  change: (config: DockerConfig) => Promise<DockerConfig | undefined>,
): Promise<void> {
  await makeDirectory(dirname(path), { mode: 0o700 });
  const lock = await acquireLock(join(dirname(path), ".config.json.lock"), { wait: 30_000 });
  if (lock.held) {
    throw new SealerError("CONFIG_INVALID", `process ${lock.by.pid} is changing ${path}`, { where: path });
  }
  try {
    const changed = await change(await readDockerConfig(path));
    if (changed) await writeFileAtomic(path, `${JSON.stringify(changed, null, "\t")}\n`, { mode: 0o600 });
  } finally {
    await lock.release();
  }
}

function withoutAuth({ auths = {} }: DockerConfig, domain: string): Record<string, DockerAuth> {
  return Object.fromEntries(Object.entries(auths ?? {}).filter(([key]) => !isKeyOf(key, domain)));
}
