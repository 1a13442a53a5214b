import { type Digest, isDigest, isRepository, isTag } from "#oci";
import { RegistryError } from "./registry-error.ts";

/** What a request is about, its names and digests checked. */
export type Route =
  | { readonly kind: "ping" }
  | { readonly kind: "catalog" }
  | { readonly kind: "blob"; readonly name: string; readonly digest: Digest }
  | { readonly kind: "uploads"; readonly name: string }
  | { readonly kind: "upload"; readonly name: string; readonly id: string }
  | { readonly kind: "manifest"; readonly name: string; readonly tag: string }
  | { readonly kind: "manifest"; readonly name: string; readonly digest: Digest }
  | { readonly kind: "tags"; readonly name: string }
  | { readonly kind: "referrers"; readonly name: string; readonly digest: Digest };

/**
 * Reads the path of a request; undefined if it is none of the API. Nothing unchecked gets beyond this function.
 * @throws RegistryError NAME_INVALID, DIGEST_INVALID, MANIFEST_INVALID, BLOB_UPLOAD_UNKNOWN
 */
export function matchRoute(pathname: string): Route | undefined {
  const path = decoded(pathname);
  if (path === "/v2/" || path === "/v2") return { kind: "ping" };
  if (path === "/v2/_catalog") return { kind: "catalog" };
  const [, rawName, resource, rest = ""] =
    /^\/v2\/(.+)\/(blobs\/uploads|blobs|manifests|tags|referrers)\/([^/]*)$/s.exec(path) ?? [];
  if (rawName === undefined) return undefined;
  const name = checkedName(rawName);
  switch (resource) {
    case "blobs/uploads":
      return rest === "" ? { kind: "uploads", name } : { kind: "upload", name, id: checkedUpload(rest) };
    case "blobs":
      return rest === "uploads"
        ? { kind: "uploads", name }
        : { kind: "blob", name, digest: checkedDigest(rest) };
    case "manifests":
      return rest.includes(":")
        ? { kind: "manifest", name, digest: checkedDigest(rest) }
        : { kind: "manifest", name, tag: checkedTag(rest) };
    case "referrers":
      return { kind: "referrers", name, digest: checkedDigest(rest) };
    default:
      return rest === "list" ? { kind: "tags", name } : undefined;
  }
}

function decoded(pathname: string): string {
  try {
    return decodeURIComponent(pathname);
  } catch {
    throw new RegistryError("NAME_INVALID", "the path of the request is not UTF-8");
  }
}

export function checkedName(name: string): string {
  if (isRepository(name)) return name;
  throw new RegistryError("NAME_INVALID", `"${name.slice(0, 300)}" is not the name of a repository`, {
    detail: { name: name.slice(0, 300) },
  });
}

export function checkedDigest(text: string): Digest {
  if (isDigest(text)) return text;
  throw new RegistryError("DIGEST_INVALID", `"${text.slice(0, 200)}" is not a sha256 or sha512 digest`, {
    detail: { digest: text.slice(0, 200) },
  });
}

export function checkedTag(text: string): string {
  if (isTag(text)) return text;
  throw new RegistryError("MANIFEST_INVALID", `"${text.slice(0, 200)}" is not a tag`, {
    detail: { tag: text.slice(0, 200) },
  });
}

function checkedUpload(id: string): string {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)) return id;
  throw new RegistryError("BLOB_UPLOAD_UNKNOWN", "there is no such upload");
}
