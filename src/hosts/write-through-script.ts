import { posix } from "node:path";
import { diskFull, saysDiskFull } from "./disk-full.ts";
import type { Host, WriteOptions } from "./host.ts";
import { HostCommandError } from "./host-command-error.ts";

/** Host.writeFile for hosts with bash and coreutils: a temporary file beside the target, synced, then renamed. */
export async function writeThroughScript(
  host: Host,
  path: string,
  content: Uint8Array | string,
  { mode = 0o644, owner = { uid: 0, gid: 0 }, signal }: WriteOptions,
): Promise<void> {
  if (!posix.isAbsolute(path)) throw new Error(`${path} is not an absolute path`);
  const bytes = typeof content === "string" ? Buffer.from(content) : content;
  const folderMode = mode & 0o077 ? "0755" : "0700";
  const facts = [
    path,
    bytes.length,
    mode.toString(8).padStart(4, "0"),
    `${owner.uid}:${owner.gid}`,
    folderMode,
  ].map(String);
  const result = await host.run(["bash", "-c", script, "write-file", ...facts], {
    stdin: bytes,
    env: { LC_ALL: "C" },
    signal,
  });
  if (result.exitCode === 0) return;
  if (saysDiskFull(result.stderr)) throw await diskFull(host, path, bytes.length, result);
  throw new HostCommandError(host.address, ["write", path], result);
}

/** The size is checked because a connection that breaks looks like the end of the content. */
const script = `
set -eu
path=$1 size=$2 mode=$3 owner=$4 folder_mode=$5
make_folder() {
  if [ -d "$1" ]; then return; fi
  make_folder "$(dirname -- "$1")"
  mkdir -m "$folder_mode" -- "$1" || [ -d "$1" ]
  chown -- "$owner" "$1"
}
if [ -L "$path" ]; then path=$(readlink -f -- "$path"); fi
if [ -d "$path" ]; then echo "$path is a folder" >&2; exit 1; fi
folder=$(dirname -- "$path")
make_folder "$folder"
umask 077
temporary=$(mktemp -- "$folder/.sealer-XXXXXXXX")
trap 'rm -f -- "$temporary"' EXIT
cat > "$temporary"
written=$(stat -c %s -- "$temporary")
if [ "$written" != "$size" ]; then echo "only $written of $size bytes arrived" >&2; exit 1; fi
chown -- "$owner" "$temporary"
chmod -- "$mode" "$temporary"
sync -- "$temporary"
mv -fT -- "$temporary" "$path"
trap - EXIT
sync -- "$folder"
`;
