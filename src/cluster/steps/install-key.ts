import { markOf } from "../host-paths.ts";
import type { HostScript } from "../run-on-host.ts";

/** Lets the cluster's own key in, under a line that can be told from others. */
export function installKey(publicKey: string, user: string, cluster: string): HostScript {
  return { script: install, args: [publicKey, user, markOf(cluster)] };
}

/** Takes the key out again. */
export function removeKey(user: string, cluster: string): HostScript {
  return { script: remove, args: [user, markOf(cluster)] };
}

const authorizedKeys = `
rewrite() { # file owner group: standard input becomes the file
  local new; new=$(mktemp -- "$1.XXXXXX")
  cat > "$new"; chown "$2:$3" -- "$new"; chmod 600 -- "$new"
  mv -f -- "$new" "$1"
  ! command -v restorecon >/dev/null || restorecon -- "$1" || :
}
place() {
  home=$(getent passwd "$1" | cut -d: -f6)
  [ -n "$home" ] || { echo "there is no user $1" >&2; return 1; }
  group=$(id -g -- "$1")
  file=$home/.ssh/authorized_keys
}
`;

const install = `${authorizedKeys}
key=$1 user=$2 mark=$3
place "$user"
[ -d "$home/.ssh" ] || install -d -m 700 -o "$user" -g "$group" -- "$home/.ssh"
{ [ ! -e "$file" ] || grep -vF -- " $mark" "$file" || :; printf '%s %s\\n' "$key" "$mark"; } | rewrite "$file" "$user" "$group"
`;

const remove = `${authorizedKeys}
user=$1 mark=$2
place "$user"
if [ -e "$file" ] && grep -qF -- " $mark" "$file"; then
  { grep -vF -- " $mark" "$file" || :; } | rewrite "$file" "$user" "$group"
fi
`;
