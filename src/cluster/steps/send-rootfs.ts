import { RootfsView } from "#cluster-image";
import { verified } from "#content";
import { decompress } from "#files";
import { type Host, sendStream } from "#hosts";
import { hexOf } from "#oci";
import { platformOf } from "../find-unfit.ts";
import { hostPaths } from "../host-paths.ts";
import type { HostScript } from "../run-on-host.ts";
import type { Site } from "../site.ts";
import type { RootfsLayer, StepOf } from "../step.ts";

/**
 * Sends the layers that the host lacks, as they are in the store; each is checked there before it counts. Returns the
 * script that makes the rootfs of them.
 */
export async function sendRootfs(
  step: StepOf<"send-rootfs">,
  site: Site,
  signal: AbortSignal | undefined,
): Promise<HostScript> {
  const host = site.host(step.host);
  const paths = hostPaths(site.desired.name);
  const observed = site.observed.hosts.get(step.host);
  const unpacksZstd = step.unzstd || observed?.programs.has("zstd") === true;
  if (step.unzstd) await sendUnzstd(host, step, site);
  const there = new Set((await host.list(paths.layers)) ?? []);
  let sent = 0;
  const names: string[] = [];
  for (const layer of step.layers) {
    const asItIs = unpacksZstd || !layer.descriptor.mediaType.endsWith("+zstd");
    const name = fileName(layer, asItIs);
    names.push(name);
    if (!there.has(name)) await sendLayer(host, layer, { name, asItIs, sent, step, site, signal });
    sent += layer.descriptor.size;
    site.progress({ type: "task-advanced", id: step.id, bytes: sent });
  }
  return { script: assemble, args: [paths.data, ...names] };
}

/** The digest in the name is that of the file's own bytes. */
function fileName({ descriptor, diffId }: RootfsLayer, asItIs: boolean): string {
  if (!asItIs) return `${hexOf(diffId)}.tar`;
  const { mediaType } = descriptor;
  const ending = mediaType.endsWith("zstd") ? ".zst" : mediaType.endsWith("gzip") ? ".gz" : "";
  return `${hexOf(descriptor.digest)}.tar${ending}`;
}

async function sendLayer(
  host: Host,
  layer: RootfsLayer,
  {
    name,
    asItIs,
    sent,
    step,
    site,
    signal,
  }: {
    readonly name: string;
    readonly asItIs: boolean;
    readonly sent: number;
    readonly step: StepOf<"send-rootfs">;
    readonly site: Site;
    readonly signal: AbortSignal | undefined;
  },
): Promise<void> {
  const { layers } = hostPaths(site.desired.name);
  const blob = verified(await site.content.open(layer.descriptor, { signal }), layer.descriptor);
  const bytes = asItIs ? blob : decompress(blob);
  await sendStream(host, bytes, ["bash", "-c", receive, "receive", layers, name, name.slice(0, 64)], {
    signal,
    task: step.id,
    path: layers,
    progress: (event) =>
      site.progress(
        event.type === "task-advanced"
          ? { ...event, bytes: Math.min(step.bytes, sent + event.bytes) }
          : event,
      ),
  });
}

async function sendUnzstd(host: Host, step: StepOf<"send-rootfs">, site: Site): Promise<void> {
  const observed = site.observed.hosts.get(step.host);
  const platform = observed && platformOf(site.blueprint, observed);
  const program = await new RootfsView(platform?.folders ?? []).read("lib/unzstd", { maxBytes: 64 << 20 });
  if (!program) throw new Error("the rootfs was said to have lib/unzstd");
  await host.writeFile(`${hostPaths(site.desired.name).data}/unzstd`, program, { mode: 0o700 });
}

const receive = `
set -euo pipefail
umask 077
folder=$1 name=$2 digest=$3
mkdir -p -- "$folder"
rm -f -- "$folder"/.*.part
part=$folder/.$name.$$.part
trap 'rm -f -- "$part"' EXIT
sum=$(tee -- "$part" | sha256sum | cut -d' ' -f1)
[ "$sum" = "$digest" ] || { echo "the layer arrived as $sum, not as $digest" >&2; exit 65; }
sync -- "$part"
mv -f -- "$part" "$folder/$name"
trap - EXIT
`;

/*
 * Each layer is unpacked by itself and then laid over those below: what it replaces by another kind of file, or
 * takes away by a whiteout (OCI image-spec, layer.md), goes first. Nothing is followed: every folder on the way to a
 * path is a real one by then. The new tree takes the old one's place by renaming.
 */
const assemble = `
data=$1; shift
rootfs=$data/rootfs new=$data/rootfs.new one=$data/rootfs.layer
unpacked() {
  case $1 in
    *.zst) if command -v zstd >/dev/null; then zstd -dcq -- "$1"; else "$data/unzstd" < "$1"; fi ;;
    *.gz) gzip -dc -- "$1" ;;
    *) cat -- "$1" ;;
  esac
}
lay_over() {
  local path name folder
  while IFS= read -r -d '' path; do
    if [ -L "$new/$path" ] || { [ -e "$new/$path" ] && [ ! -d "$new/$path" ]; }; then rm -f -- "$new/$path"; fi
  done < <(cd "$one" && find . -mindepth 1 -type d -print0)
  while IFS= read -r -d '' path; do
    name=\${path##*/} folder=\${path%/*}
    case $name in
      .wh..wh..opq) if [ -d "$new/$folder" ]; then find "$new/$folder" -mindepth 1 -delete; fi ;;
      .wh..wh.*) ;;
      .wh..|.wh...) echo "the layer takes away its own folder: $path" >&2; return 1 ;;
      *) rm -rf -- "$new/$folder/\${name#.wh.}" ;;
    esac
    rm -rf -- "$one/$path"
  done < <(cd "$one" && find . -name '.wh.*' -print0)
  while IFS= read -r -d '' path; do
    if [ -d "$new/$path" ] && [ ! -L "$new/$path" ]; then rm -rf -- "$new/$path"; fi
  done < <(cd "$one" && find . -mindepth 1 ! -type d -print0)
  cp -al --remove-destination -- "$one/." "$new/"
}
rm -rf -- "$new" "$one"
mkdir -m 755 -- "$new"
for layer; do
  mkdir -m 755 -- "$one"
  unpacked "$data/layers/$layer" | tar -C "$one" --numeric-owner --same-owner -xpf -
  lay_over
  rm -rf -- "$one"
done
find "$new" -xdev -type f -perm /6000 -print -exec chmod ug-s -- {} + | sed "s|^$new/|setuid and setgid dropped: |"
find "$new" -xdev \\( -type b -o -type c -o -type p \\) -delete
mkdir -p -m 755 -- "$new/certs"
[ ! -d "$rootfs/certs" ] || cp -a -- "$rootfs/certs/." "$new/certs/"
[ ! -e "$rootfs/etc/registry_htpasswd" ] || { mkdir -p "$new/etc"; cp -a -- "$rootfs/etc/registry_htpasswd" "$new/etc/"; }
rm -rf -- "$rootfs.old"
[ ! -e "$rootfs" ] || mv -- "$rootfs" "$rootfs.old"
mv -- "$new" "$rootfs"
rm -rf -- "$rootfs.old"
for held in "$data"/layers/*; do
  for layer; do [ "\${held##*/}" != "$layer" ] || continue 2; done
  rm -f -- "$held"
done
`;
