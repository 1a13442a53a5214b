import { SealerError } from "#errors";
import { type Digest, isDigest } from "./digest.ts";

/** A name for an image in a registry: `[registry/]repository[:tag][@digest]`. */
export interface Reference {
  /** Domain with its port, if any: `docker.io`, `sea.hub:5000`. */
  readonly registry: string;
  /** `library/nginx`: no domain, no tag. */
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

/** What a name without a domain belongs to: Docker's rules for container images, another registry for ClusterImages. */
export interface ReferenceDefaults {
  readonly registry: string;
  /** Put before a repository of one segment; empty for none. */
  readonly namespace: string;
}

export const dockerDefaults: ReferenceDefaults = { registry: "docker.io", namespace: "library" };

/**
 * Reads a reference by the grammar of github.com/distribution/reference. Without tag and digest the tag is `latest`.
 * @throws REFERENCE_INVALID
 */
export function parseReference(text: string, defaults: ReferenceDefaults = dockerDefaults): Reference {
  const invalid = (why: string, hint?: string) =>
    new SealerError("REFERENCE_INVALID", `"${shortened(text)}" is not an image reference: ${why}`, {
      hint: hint ?? "Write it as [registry/]name[:tag], such as registry.example.com/kubernetes:v1.20.2.",
    });
  if (text === "") throw invalid("it is empty");
  if (/\s/.test(text)) throw invalid("it has blanks in it");

  const [withoutDigest = "", digest, ...rest] = text.split("@");
  if (rest.length > 0 || (digest !== undefined && !isDigest(digest)))
    throw invalid("what follows @ is not a digest (sha256: and 64 hexadecimal digits)");

  const lastSegment = withoutDigest.slice(withoutDigest.lastIndexOf("/") + 1);
  const colon = lastSegment.indexOf(":");
  const tag = colon < 0 ? undefined : lastSegment.slice(colon + 1);
  const name =
    colon < 0 ? withoutDigest : withoutDigest.slice(0, withoutDigest.length - lastSegment.length + colon);
  if (tag !== undefined && !isTag(tag))
    throw invalid(tag === "" ? "its tag is empty" : `"${shortened(tag)}" is not a tag`);

  const { registry, path } = splitDomain(name);
  if (registry !== undefined && !isDomain(registry))
    throw invalid(`"${shortened(registry)}" is not a domain`);
  if (!isRepository(path)) {
    throw invalid(
      /[A-Z]/.test(path)
        ? "names of images are lower-case"
        : path.length > 255
          ? "it is longer than 255 characters"
          : "its name is not made of small letters, digits, and . _ - / between them",
      /[A-Z]/.test(path) ? `Write ${shortened(text.replace(name, name.toLowerCase()))}.` : undefined,
    );
  }
  const normal =
    registry === "index.docker.io" || registry === "registry-1.docker.io" ? "docker.io" : registry;
  const chosen = normal ?? defaults.registry;
  const namespace =
    normal === undefined ? defaults.namespace : normal === "docker.io" ? dockerDefaults.namespace : "";
  const repository = namespace && !path.includes("/") ? `${namespace}/${path}` : path;
  if (repository.length + chosen.length > 255) throw invalid("it is longer than 255 characters");
  return {
    registry: chosen,
    repository,
    ...(tag !== undefined ? { tag } : digest === undefined ? { tag: "latest" } : {}),
    ...(digest !== undefined ? { digest: digest as Digest } : {}),
  };
}

function shortened(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

/** The fully qualified form: `docker.io/library/nginx:1.25`. */
export function formatReference({ registry, repository, tag, digest }: Reference): string {
  return `${registry}/${repository}${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;
}

export function isTag(text: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/.test(text);
}

export function isRepository(text: string): boolean {
  const component = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
  return text.length <= 255 && new RegExp(`^${component}(?:/${component})*$`).test(text);
}

function isDomain(text: string): boolean {
  const label = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
  return new RegExp(`^(?:${label}(?:\\.${label})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]{1,5})?$`).test(text);
}

/** A first segment is a domain if it has a dot or a colon, is localhost, or has upper-case letters. */
function splitDomain(name: string): { registry?: string; path: string } {
  const slash = name.indexOf("/");
  const first = name.slice(0, slash);
  if (slash < 0 || !(/[.:]/.test(first) || first === "localhost" || first !== first.toLowerCase())) {
    return { path: name };
  }
  return { registry: first, path: name.slice(slash + 1) };
}
