import { markOf } from "../host-paths.ts";
import type { HostScript } from "../run-on-host.ts";

/** Makes these the cluster's lines in /etc/hosts; lines of others stay as they are. */
export function writeHostsFile(lines: readonly string[], cluster: string): HostScript {
  return { script: `${rewriteHosts}\nrewrite_hosts "$@"`, args: [markOf(cluster), ...lines] };
}

/** A bash function: `rewrite_hosts MARK LINE...`. Where /etc/hosts is a mount point it cannot be renamed over. */
export const rewriteHosts = `
rewrite_hosts() {
  local mark=$1 new line; shift
  new=$(mktemp /etc/.hosts.XXXXXX)
  [ ! -e /etc/hosts ] || awk -v mark=" $mark" 'substr($0, length($0) - length(mark) + 1) != mark' /etc/hosts > "$new"
  for line; do printf '%s %s\\n' "$line" "$mark" >> "$new"; done
  chmod 644 "$new"
  mv -f "$new" /etc/hosts 2>/dev/null || { cat "$new" > /etc/hosts; rm -f "$new"; }
}
`;
