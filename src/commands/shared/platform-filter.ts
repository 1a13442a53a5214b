import { annotations } from "#cluster-image";
import { type Descriptor, type Platform, parsePlatform, platformMatches } from "#oci";

/** Chooses the entries of a ClusterImage's index that machines of some platforms need. */
export function platformFilter(platforms: readonly Platform[]): (entry: Descriptor) => boolean {
  return ({ platform, annotations: noted }) => {
    const own = noted?.[annotations.platform];
    const offered = own === undefined ? platform : parsePlatform(own);
    if (offered === undefined || offered.os === "unknown") return true;
    return platforms.some((wanted) => platformMatches(wanted, offered));
  };
}
