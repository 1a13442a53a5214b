import { isIP } from "node:net";

/** Whether what is meant for `registry` may also be told to `server`: the same host, or a sibling over https. */
export function mayHaveCredentials(registry: URL, server: URL, tokenServers: readonly string[]): boolean {
  if (server.protocol !== "https:" && registry.protocol === "https:") return false;
  if (server.hostname === registry.hostname) return true;
  if (isLoopback(server.hostname) && isLoopback(registry.hostname)) return true;
  if (server.protocol !== "https:") return false;
  if (tokenServers.some((named) => named === server.host || named === server.hostname)) return true;
  const family = registrableDomain(registry.hostname);
  return family !== undefined && family === registrableDomain(server.hostname);
}

/** Whether a registry may send us there at all: never deeper into this machine or its cloud than it is itself. */
export function mayBeSentTo(registry: URL, target: URL): boolean {
  if (target.hostname === registry.hostname) return true;
  if (isLoopback(target.hostname)) return isLoopback(registry.hostname);
  return !/^169\.254\.|^\[fe[89ab]|^0\.0\.0\.0$|^\[::\]$|^metadata\.google\.internal\.?$/i.test(
    target.hostname,
  );
}

export function isLoopback(hostname: string): boolean {
  const name = hostname.replace(/\.$/, "");
  return (
    /^127\.\d+\.\d+\.\d+$/.test(name) ||
    name === "localhost" ||
    name.endsWith(".localhost") ||
    name === "[::1]"
  );
}

/** Who owns a name such as `auth.docker.io`: `docker.io`. Undefined for addresses, and where names are rented out. */
function registrableDomain(hostname: string): string | undefined {
  const address = hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
  const labels = hostname.replace(/\.$/, "").split(".");
  if (isIP(address) || labels.length < 2) return undefined;
  const isCountry = labels.at(-1)!.length === 2;
  const secondLevel = ["ac", "co", "com", "edu", "gob", "gov", "go", "mil", "ne", "net", "or", "org"];
  const size = isCountry && secondLevel.includes(labels.at(-2)!) ? 3 : 2;
  if (labels.length < size) return undefined;
  const domain = labels.slice(-size).join(".");
  return rented.has(domain) ? undefined : domain;
}

/** Domains under which strangers have names side by side. */
const rented = new Set([
  "amazonaws.com",
  "appspot.com",
  "azurecr.io",
  "azurewebsites.net",
  "cloudapp.net",
  "cloudfront.net",
  "fly.dev",
  "github.io",
  "gitlab.io",
  "herokuapp.com",
  "netlify.app",
  "ngrok.io",
  "onrender.com",
  "pages.dev",
  "run.app",
  "vercel.app",
  "windows.net",
  "workers.dev",
]);
