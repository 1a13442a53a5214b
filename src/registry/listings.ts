import { type Digest, encode, isIndex, mediaTypes } from "#oci";
import { type Call, jsonReply, type Reply } from "./call.ts";
import { readManifest } from "./manifests.ts";
import { pageOf } from "./paging.ts";
import { RegistryError } from "./registry-error.ts";
import type { Repositories } from "./repositories.ts";
import type { Repository } from "./repository.ts";

export async function listTags(call: Call): Promise<Reply> {
  const found = await call.repositories.find(call.name, async (repository) => {
    const tags = await repository.tags();
    return tags.length > 0 ? tags : undefined;
  });
  if (!found && !(await call.repository.exists())) {
    throw new RegistryError("NAME_UNKNOWN", "the registry does not have this repository", {
      detail: { name: call.name.path },
    });
  }
  const { items, next } = pageOf(found ?? [], call.query, mostTags);
  return jsonReply(200, { name: call.name.path, tags: items }, nextLink(call.location("tags/list"), next));
}

export async function listCatalog(repositories: Repositories, query: URLSearchParams): Promise<Reply> {
  const { items, next } = pageOf(await repositories.names(), query, mostRepositories);
  return jsonReply(200, { repositories: items }, nextLink("/v2/_catalog", next));
}

/** Manifests whose subject is `subject`, which itself may be anywhere (distribution-spec, listing referrers). */
export async function listReferrers(call: Call, subject: Digest): Promise<Reply> {
  const wanted = call.query.get("artifactType");
  const descriptors = await referrersOf(call, subject);
  const kept = descriptors.filter(({ artifactType }) => wanted === null || artifactType === wanted);
  const byDigest = new Map(kept.map((descriptor) => [descriptor.digest as string, descriptor]));
  const sorted = [...byDigest.keys()].sort();
  const { items, next } = pageOf(sorted, call.query, mostReferrers);
  const link = call.location(`referrers/${subject}`, wanted === null ? {} : { artifactType: wanted });
  return {
    status: 200,
    headers: {
      "Content-Type": mediaTypes.ociIndex,
      ...(wanted === null ? {} : { "OCI-Filters-Applied": "artifactType" }),
      ...nextLink(link, next),
    },
    body: encode({
      schemaVersion: 2,
      mediaType: mediaTypes.ociIndex,
      manifests: items.map((digest) => byDigest.get(digest)),
    }),
  };
}

interface Referrer {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly artifactType?: string | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

async function referrersOf(call: Call, subject: Digest): Promise<Referrer[]> {
  const found = await call.repositories.find(call.name, async (repository) => {
    const referrers = [
      ...(await linkedReferrers(repository, subject)),
      ...(await taggedReferrers(repository, subject)),
    ];
    return referrers.length > 0 ? referrers : undefined;
  });
  return found ?? [];
}

async function linkedReferrers(repository: Repository, subject: Digest): Promise<Referrer[]> {
  const referrers: Referrer[] = [];
  for (const digest of await repository.referrers(subject)) {
    const document = await readManifest(repository, { digest });
    if (!document) continue;
    const { mediaType, bytes, artifactType, annotations } = document;
    referrers.push({ mediaType, digest, size: bytes.length, artifactType, annotations });
  }
  return referrers;
}

/** Where there was no referrers API, clients kept an index under the tag `sha256-<hex>`. */
async function taggedReferrers(repository: Repository, subject: Digest): Promise<Referrer[]> {
  const fallback = await readManifest(repository, { tag: subject.replace(":", "-").slice(0, 128) });
  if (!fallback || !isIndex(fallback.mediaType)) return [];
  const { manifests } = JSON.parse(fallback.bytes.toString("utf8")) as { manifests?: Referrer[] };
  return manifests ?? [];
}

function nextLink(url: string, next: string | undefined): Record<string, string> {
  if (next === undefined) return {};
  return { Link: `<${url}${url.includes("?") ? "&" : "?"}${next}>; rel="next"` };
}

const mostTags = Number.MAX_SAFE_INTEGER;
const mostRepositories = 1000;
/** An index of this many descriptors with usual annotations stays below the size that clients accept. */
const mostReferrers = 1000;
