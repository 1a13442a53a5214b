import { algorithmOf, type Digest, hexOf } from "#oci";

/*
 * The folders of the distribution project's registry, so that either can serve what the other has written:
 *
 *   docker/registry/v2/
 *     blobs/<algorithm>/<first two hex digits>/<hex>/data
 *     repositories/<name>/
 *       _layers/<algorithm>/<hex>/link                              the repository has this blob
 *       _manifests/revisions/<algorithm>/<hex>/link                 the repository has this manifest
 *       _manifests/tags/<tag>/current/link                          what the tag stands for
 *       _manifests/tags/<tag>/index/<algorithm>/<hex>/link          all that it ever stood for
 *       _uploads/<id>/{startedat,data}                              a blob on its way in
 *       _referrers/<algorithm>/<subject's hex>/<algorithm>/<hex>/link   ours: manifests whose subject this is
 *
 * A link's content is the digest. Folders whose names begin with an underscore are never part of a repository's name.
 */
const root = "docker/registry/v2";
export const repositoriesFolder = `${root}/repositories`;

export const blobPath = (digest: Digest): string => `${blobFolder(digest)}/data`;

export const blobFolder = (digest: Digest): string =>
  `${root}/blobs/${algorithmOf(digest)}/${hexOf(digest).slice(0, 2)}/${hexOf(digest)}`;

export const repositoryFolder = (name: string): string => `${repositoriesFolder}/${name}`;

export const layerFolder = (name: string, digest: Digest): string =>
  `${repositoryFolder(name)}/_layers/${folderOf(digest)}`;

export const manifestsFolder = (name: string): string => `${repositoryFolder(name)}/_manifests`;

export const revisionFolder = (name: string, digest: Digest): string =>
  `${manifestsFolder(name)}/revisions/${folderOf(digest)}`;

export const tagsFolder = (name: string): string => `${manifestsFolder(name)}/tags`;

export const tagFolder = (name: string, tag: string): string => `${tagsFolder(name)}/${tag}`;

export const currentFolder = (name: string, tag: string): string => `${tagFolder(name, tag)}/current`;

export const tagHistoryFolder = (name: string, tag: string, digest: Digest): string =>
  `${tagFolder(name, tag)}/index/${folderOf(digest)}`;

export const referrersFolder = (name: string, subject: Digest): string =>
  `${repositoryFolder(name)}/_referrers/${folderOf(subject)}`;

export const referrerFolder = (name: string, subject: Digest, referrer: Digest): string =>
  `${referrersFolder(name, subject)}/${folderOf(referrer)}`;

export const uploadsFolder = (name: string): string => `${repositoryFolder(name)}/_uploads`;

export const uploadFolder = (name: string, id: string): string => `${uploadsFolder(name)}/${id}`;

export const linkIn = (folder: string): string => `${folder}/link`;

function folderOf(digest: Digest): string {
  return `${algorithmOf(digest)}/${hexOf(digest)}`;
}
