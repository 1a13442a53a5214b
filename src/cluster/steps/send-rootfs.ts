import { RootfsView } from "#cluster-image";
import { verified } from "#content";
import { decompress } from "#files";
import { type Host, HostCommandError, sendStream } from "#hosts";
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
  const { data, layers } = hostPaths(site.desired.name);
  const blob = await site.content.open(layer.descriptor, { signal });
  const bytes = asItIs ? blob : decompress(verified(blob, layer.descriptor));
  const sending = sendStream(host, bytes, ["bash", "-c", receive, "receive", data, name, name.slice(0, 64)], {
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
  await sending.catch(async (error) => {
    if (error instanceof HostCommandError && error.result.exitCode === arrivedDamaged) {
      await checkStored(layer, site, signal);
    }
    throw error;
  });
}

const arrivedDamaged = 65;

/** The far end has found wrong bytes: were they wrong here already? @throws DIGEST_MISMATCH */
async function checkStored({ descriptor }: RootfsLayer, { content }: Site, signal: AbortSignal | undefined) {
  for await (const _ of verified(await content.open(descriptor, { signal }), descriptor));
}

async function sendUnzstd(host: Host, step: StepOf<"send-rootfs">, site: Site): Promise<void> {
  const observed = site.observed.hosts.get(step.host);
  const platform = observed && platformOf(site.blueprint, observed);
  const program = await new RootfsView(platform?.folders ?? []).read("lib/unzstd", { maxBytes: 64 << 20 });
  if (!program) throw new Error("the rootfs was said to have lib/unzstd");
  await host.writeFile(`${hostPaths(site.desired.name).data}/unzstd`, program, { mode: 0o700 });
}

const functions = `
data=$1; shift
layers=$data/layers
# What was unpacked before the machine was started anew may not have reached its disk.
trees=$data/unpacked.$(cat /proc/sys/kernel/random/boot_id)
unpacked() { # ENDING: of the name of what comes in
  case $1 in
    *.zst) if command -v zstd >/dev/null; then zstd -dcq; else "$data/unzstd"; fi ;;
    *.gz) gzip -dc ;;
    *) cat ;;
  esac
}
# openssl uses the processor's own instructions, five times as fast.
hash() {
  if command -v openssl >/dev/null; then openssl dgst -sha256 -r; else sha256sum; fi | cut -d' ' -f1
}
untar() { tar -C "$1" --numeric-owner --same-owner -xpf -; }
`;

/*
 * A layer is kept as it came, hashed, and unpacked, all while it comes. It counts once it is whole and right; until the
 * rootfs is made of it, the unpacked tree spares unpacking it again.
 */
const receive = `
set -euo pipefail
umask 077
${functions}
name=$1 digest=$2
mkdir -p -- "$layers" "$trees"
rm -rf -- "$layers"/.*.part "$layers/.pipe" "$trees/$name" "$trees"/.part
part=$layers/.$name.$$.part
trap 'rm -rf -- "$part" "$layers/.pipe" "$trees/.part"' EXIT
mkdir -m 755 -- "$trees/.part"
mkfifo -- "$layers/.pipe"
(set -o pipefail; umask 022; unpacked "$name" < "$layers/.pipe" | untar "$trees/.part") &
unpacking=$!
sum=$(tee -- "$part" "$layers/.pipe" | hash)
[ "$sum" = "$digest" ] || { echo "the layer arrived as $sum, not as $digest" >&2; exit ${arrivedDamaged}; }
wait "$unpacking"
mv -f -- "$part" "$layers/$name"
mv -- "$trees/.part" "$trees/$name"
`;

/*
 * Each layer is unpacked by itself and then laid over those below: what it replaces by another kind of file, or
 * takes away by a whiteout (OCI image-spec, layer.md), goes first. Nothing is followed: every folder on the way to a
 * path is a real one by then. The new tree takes the old one's place by renaming.
 */
const assemble = `
${functions}
rootfs=$data/rootfs new=$data/rootfs.new one=$data/rootfs.layer
take() { # LAYER: into $one, out of the tree made while it came, or out of the file of an earlier run
  if [ -d "$trees/$1" ]; then mv -- "$trees/$1" "$one"; return; fi
  local sum
  sum=$(hash < "$layers/$1")
  if [ "$sum" != "\${1:0:64}" ]; then
    rm -f -- "$layers/$1"
    echo "the layer $1 was damaged on this host's disk; it is gone, and comes anew with the next run" >&2
    return 1
  fi
  mkdir -m 755 -- "$one"
  unpacked "$1" < "$layers/$1" | untar "$one"
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
  take "$layer"
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
rm -rf -- "$rootfs.old" "$data"/unpacked.*
for held in "$data"/layers/*; do
  for layer; do [ "\${held##*/}" != "$layer" ] || continue 2; done
  rm -f -- "$held"
done
`;
