import { markOf } from "../host-paths.ts";
import type { HostScript } from "../run-on-host.ts";

/** Makes these the cluster's lines in /etc/hosts; lines of others stay as they are. */
export function writeHostsFile(lines: readonly string[], cluster: string): HostScript {
  return { script: `${rewriteHosts}\nrewrite_hosts "$@"`, args: [markOf(cluster), ...lines] };
}

/**
 * Bash functions. `rewrite_hosts MARK LINE...` makes these the marked lines. `new_hosts` makes a file beside /etc/hosts
 * with its owner and mode, and prints its path; `put_hosts PATH` lets it take the place, of a link's target too.
 */
export const rewriteHosts = `
new_hosts() {
  local file; file=$(readlink -f /etc/hosts)
  cp --attributes-only --preserve=all -- "$file" "$file.sealer-new" 2>/dev/null || { : > "$file.sealer-new"; chmod 644 "$file.sealer-new"; }
  printf '%s\\n' "$file.sealer-new"
}
# A mount point cannot be renamed over.
put_hosts() {
  local file=\${1%.sealer-new}
  sync -- "$1"
  mv -f -- "$1" "$file" 2>/dev/null || { cat -- "$1" > "$file"; rm -f -- "$1"; }
}
rewrite_hosts() {
  local mark=$1 new line; shift
  new=$(new_hosts)
  [ ! -e /etc/hosts ] || awk -v mark=" $mark" 'substr($0, length($0) - length(mark) + 1) != mark' /etc/hosts > "$new"
  for line; do printf '%s %s\\n' "$line" "$mark" >> "$new"; done
  put_hosts "$new"
}
`;
