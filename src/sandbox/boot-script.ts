import type { CgroupLayout } from "./cgroup-layout.ts";
import { programPath } from "./program-path.ts";

export interface BootOrder {
  readonly hostName: string;
  readonly address: string;
  readonly gateway: string;
  /** The host's folder; everything below is relative to it. */
  readonly folder: string;
  readonly base: string;
  /** A file with an ext4 file system for the disk; undefined: an ordinary folder. */
  readonly diskImage: string | undefined;
  readonly passwordFile: string;
  readonly authorizedKeys: string;
  /** The host's own cgroup in each hierarchy, made already. */
  readonly cgroups: readonly string[];
  readonly layout: CgroupLayout;
  readonly kernelRelease: string;
  /** Text of modules.builtin; undefined where the machine has /lib/modules/<release>, which is then shown to the host. */
  readonly modulesBuiltin: string | undefined;
}

/** What must not lie on an overlay, because container runtimes put overlays of their own there. */
export const dataFolders = ["docker", "containerd", "kubelet", "etcd", "sealer"] as const;

/**
 * The script that becomes a host's PID 1. It starts in new network, mount, PID, UTS and IPC namespaces, still sees the
 * machine's /proc and /sys/fs/cgroup, joins the host's cgroups by itself (so that nobody else is in them, which version
 * 2 insists on), then makes them the root of a cgroup namespace, builds the root file system and runs systemd.
 */
export function bootScript(order: BootOrder): string {
  const { layout, modulesBuiltin } = order;
  return `#!/bin/bash
set -eu
umask 022
host=${quote(order.hostName)}
address=${quote(order.address)}
gateway=${quote(order.gateway)}
base=${quote(order.base)}
password=${quote(order.passwordFile)}
keys=${quote(order.authorizedKeys)}
release=${quote(order.kernelRelease)}
cd ${quote(order.folder)}

if [ "\${1-}" != inside ]; then
  read -r -a self </proc/self/stat
  read -r boot </proc/sys/kernel/random/boot_id
  echo "\${self[0]} \${self[21]} $boot" >init.new
  mv init.new init
${order.cgroups.map((folder) => `  echo 0 >${quote(folder)}/cgroup.procs`).join("\n")}
  exec unshare --cgroup bash "$0" inside
fi

hostname "$host"
mkdir -p disk lower root
${order.diskImage === undefined ? "" : `mount -o loop ${quote(order.diskImage)} disk`}
mkdir -p disk/upper disk/work ${dataFolders.map((name) => `disk/data/${name}`).join(" ")}
mount --bind "$base" lower
mount -t overlay overlay -o lowerdir=lower,upperdir=disk/upper,workdir=disk/work,redirect_dir=off,metacopy=off,index=off root

if [ ! -e disk/furnished ]; then
  echo "$host" >root/etc/hostname
  printf '127.0.0.1 localhost\\n::1 localhost ip6-localhost ip6-loopback\\n%s %s\\n' "$address" "$host" >root/etc/hosts
  rm -f root/etc/resolv.conf
  echo "nameserver $gateway" >root/etc/resolv.conf
  tr -d - </proc/sys/kernel/random/uuid >root/etc/machine-id
  chroot root ssh-keygen -q -A
  { printf root: && cat "$password"; } | chroot root chpasswd
  mkdir -p -m 700 root/root/.ssh
  cat "$keys" >root/root/.ssh/authorized_keys
  touch disk/furnished
fi

mount -t proc proc root/proc
mount -t sysfs sysfs root/sys

mount -t tmpfs -o mode=755,size=65536k tmpfs root/dev
node() { mknod -m "$1" "root/dev/$2" "$3" "$4" "$5"; }
node 666 null c 1 3
node 666 zero c 1 5
node 666 full c 1 7
node 666 random c 1 8
node 666 urandom c 1 9
node 666 tty c 5 0
node 644 kmsg c 1 11
node 666 fuse c 10 229
node 600 console c 1 3 # a console that says nothing
node 660 loop-control c 10 237
for i in 0 1 2 3 4 5 6 7; do node 660 loop$i b 7 $i; done
mkdir root/dev/net root/dev/pts root/dev/shm root/dev/mqueue
node 666 net/tun c 10 200
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts root/dev/pts
mount -t tmpfs -o mode=1777 tmpfs root/dev/shm
ln -s pts/ptmx root/dev/ptmx
ln -s /proc/self/fd root/dev/fd
for i in 0:stdin 1:stdout 2:stderr; do ln -s /proc/self/fd/\${i%:*} root/dev/\${i#*:}; done
mount -t tmpfs -o mode=755 tmpfs root/run
# It would reach the machine itself.
[ ! -e root/proc/sysrq-trigger ] || mount --bind root/dev/null root/proc/sysrq-trigger

${cgroupMounts(layout)}

for name in ${dataFolders.join(" ")}; do
  mkdir -p root/var/lib/$name
  mount --bind disk/data/$name root/var/lib/$name
done

if [ -d "/lib/modules/$release" ]; then
  mkdir -p "root/lib/modules/$release"
  mount --bind -o ro "/lib/modules/$release" "root/lib/modules/$release"
elif [ ! -e "root/lib/modules/$release/modules.builtin.bin" ]; then
  mkdir -p "root/lib/modules/$release"
  printf %s ${quote(modulesBuiltin ?? "")} >"root/lib/modules/$release/modules.builtin"
  : >"root/lib/modules/$release/modules.order"
  chroot root depmod "$release"
fi

cd root
mkdir -p .machine
pivot_root . .machine
cd /
umount -l /.machine
rmdir /.machine
mount --make-rshared /
exec env -i container=other PATH=${programPath} TERM=linux \\
  /lib/systemd/systemd --system --show-status=0 --log-target=journal </dev/null >/dev/null 2>&1
`;
}

/** The host's cgroups, seen from the inside: the machine's hierarchies mounted again in the new cgroup namespace. */
function cgroupMounts({ kind, hierarchies }: CgroupLayout): string {
  const top = "root/sys/fs/cgroup";
  if (kind === "v2") return `mount -t cgroup2 cgroup2 ${top}`;
  const mounts = hierarchies.map(({ controllers }) => {
    if (controllers === "") return `mkdir ${top}/unified\nmount -t cgroup2 cgroup2 ${top}/unified`;
    const folder = `${top}/${controllers.replace(/^name=/, "")}`;
    const options = controllers.startsWith("name=") ? `none,${controllers}` : controllers;
    const aliases = controllers.includes(",")
      ? controllers.split(",").map((name) => `\nln -s ${controllers} ${top}/${name}`)
      : [];
    return `mkdir ${folder}\nmount -t cgroup -o ${options} cgroup ${folder}${aliases.join("")}`;
  });
  return [`mount -t tmpfs -o mode=755 tmpfs ${top}`, ...mounts].join("\n");
}

/** One word of a shell, whatever is in it. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
