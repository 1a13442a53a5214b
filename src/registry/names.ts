import { isRepository } from "#oci";

/**
 * Where a name that a request asks for may be kept. The registry's own domain is not part of a path; every other domain
 * is the first folder, `:` written as `__`. The table stands in docs/registry.md.
 */
export interface NameRequest {
  /** What stands between `/v2/` and `/blobs/`, `/manifests/` …: checked by `isRepository`. */
  readonly path: string;
  /** The domain of `?ns=`, which containerd sends to mirrors. */
  readonly domain?: string | undefined;
  /** Domains under which this registry is reached: they name no folder. */
  readonly ownDomains: readonly string[];
}

/** Where a name is written to, and looked for first. */
export function repositoryFor({ path, domain, ownDomains }: NameRequest): string {
  const own = ownDomains.map((name) => domainFolder(name));
  if (domain !== undefined && !own.includes(domainFolder(domain))) {
    const name = `${domainFolder(domain)}/${path}`;
    return fullDockerName(name);
  }
  const [first = "", ...rest] = path.split("/");
  return rest.length > 0 && own.includes(first) ? rest.join("/") : path;
}

/**
 * All the places to look at, in order. A name with a domain has one; a name without is also looked for, as it is and
 * without a leading `library/`, in each domain that the registry holds.
 */
export function searchPath(
  request: NameRequest,
  heldDomains: readonly string[],
  searchOrder: readonly string[] = defaultSearchOrder,
): string[] {
  const path = repositoryFor(request);
  if (looksLikeDomain(path.split("/")[0]!) && path.includes("/")) return unique([path, fullDockerName(path)]);
  const shorter = path.startsWith("library/") ? path.slice("library/".length) : undefined;
  const elsewhere = inOrder(heldDomains, searchOrder).flatMap((domain) =>
    [path, shorter].flatMap((name) =>
      name ? [`${domain}/${name}`, fullDockerName(`${domain}/${name}`)] : [],
    ),
  );
  return unique([path, ...elsewhere]);
}

export const defaultSearchOrder: readonly string[] = [
  "docker.io",
  "registry.k8s.io",
  "k8s.gcr.io",
  "quay.io",
  "ghcr.io",
];

/** The folder of a domain: lower-case, `:` as `__`; Docker Hub's other names are docker.io. */
export function domainFolder(domain: string): string {
  const name = domain.toLowerCase();
  if (name === "registry-1.docker.io" || name === "index.docker.io") return "docker.io";
  return name.replace(":", "__");
}

/** Whether a first segment is a domain's folder and not a namespace. */
export function looksLikeDomain(segment: string): boolean {
  return segment === "localhost" || segment.includes(".") || /__[0-9]+$/.test(segment);
}

/** @returns whether `?ns=` holds a domain that a folder can be named after */
export function isNamespace(domain: string): boolean {
  return (
    /^[a-zA-Z0-9.-]+(:[0-9]{1,5})?$/.test(domain) &&
    isRepository(domainFolder(domain)) &&
    domain.length <= 255
  );
}

/** On Docker Hub a name of one segment is short for one in `library`. */
function fullDockerName(name: string): string {
  const [domain, first, ...rest] = name.split("/");
  return domain === "docker.io" && first && rest.length === 0 ? `docker.io/library/${first}` : name;
}

function inOrder(held: readonly string[], order: readonly string[]): string[] {
  const first = order.map(domainFolder).filter((domain) => held.includes(domain));
  return [...first, ...held.filter((domain) => !first.includes(domain)).sort()];
}

function unique(names: readonly string[]): string[] {
  return [...new Set(names)];
}
