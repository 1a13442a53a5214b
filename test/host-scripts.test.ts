import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";

const scripts = join(import.meta.dirname, "../clusterimages/kubernetes/rootfs/scripts");

test("clean.sh leaves the kubeconfig that was kept aside for its owner", () => {
  const said = onHost(`
    mkdir -p /root/.kube; echo theirs > /root/.kube/config
    prepare
    mv /root/.kube/config /root/.kube/config.before-mine; echo ours > /root/.kube/config
    clean
    cat /root/.kube/config.before-mine`);
  assert.equal(said, "theirs\n");
});

test("clean.sh leaves what an etcd that was there before has written since", () => {
  const said = onHost(`
    mkdir -p /var/lib/etcd/theirs; echo 1 > /var/lib/etcd/theirs/1.wal
    prepare
    echo 2 > /var/lib/etcd/theirs/2.wal; mkdir /opt/cni
    clean
    cat /var/lib/etcd/theirs/*.wal; ls /opt`);
  assert.equal(said, "1\n2\n");
});

test("clean.sh leaves what the owner of a docker has set up since", () => {
  const said = onHost(`
    program docker 'case "$1 $2" in "version "*) echo 20.10.5;; "info "*) echo cgroupfs;; esac'
    program dockerd :
    mkdir -p /etc/docker /run/active; touch /run/active/docker
    prepare; mkdir -p "$rootfs/certs"; echo CA > "$rootfs/certs/ca.crt"; bash "$rootfs/scripts/docker.sh"
    echo '{}' > /etc/docker/daemon.json; mkdir -p /root/.docker; echo '{}' > /root/.docker/config.json
    clean
    find /etc/docker /root/.docker -type f | sort`);
  assert.equal(said, "/etc/docker/daemon.json\n/root/.docker/config.json\n");
});

test("containerd is given the login of a closed registry, in files that only root reads", () => {
  const said = onHost(`
    prepare
    mkdir -p /tmp/bin "$rootfs/cri" "$rootfs/certs" "$rootfs/../kubeadm"; echo CA > "$rootfs/certs/ca.crt"
    printf "#!/bin/sh\n" > /tmp/bin/ctr; chmod 755 /tmp/bin/ctr; tar -czf "$rootfs/cri/containerd.tar.gz" -C /tmp bin
    echo '{"auths":{"sea.hub:5000":{"auth":"bWU6b3Blbg=="}}}' > "$rootfs/../kubeadm/pull-login.json"
    bash "$rootfs/scripts/containerd.sh"
    cd /etc/containerd/certs.d; grep -r authorization . | sort; stat -c %a sea.hub:5000/hosts.toml _default/hosts.toml
    rm "$rootfs/../kubeadm/pull-login.json"; bash "$rootfs/scripts/containerd.sh"; cat _default/hosts.toml`);
  assert.equal(
    said,
    `./_default/hosts.toml:    authorization = ["Basic bWU6b3Blbg=="]
./sea.hub:5000/hosts.toml:    authorization = ["Basic bWU6b3Blbg=="]
600
600
[host."https://sea.hub:5000"]
  capabilities = ["pull", "resolve"]
  ca = "/etc/containerd/certs.d/sea.hub:5000/ca.crt"
`,
  );
});

test("firewalls go off, and come back as they were", () => {
  const said = onHost(`
    echo "Status: active" > /tmp/ufw; for n in {1..20000}; do echo "22/tcp ALLOW Anywhere"; done >> /tmp/ufw
    program ufw 'case $1 in status) cat /tmp/ufw ;; disable) echo "Status: inactive" > /tmp/ufw ;; --force) echo "Status: active" > /tmp/ufw ;; esac'
    program systemctl 'case "$1 \${!#}" in
      "is-active firewalld" | "is-enabled firewalld") [ -e /tmp/firewalld ] ;;
      "disable firewalld") rm /tmp/firewalld ;;
      "enable firewalld" | "start firewalld") echo "$1" >> /tmp/firewalld ;;
      is-*) exit 1 ;;
    esac'
    touch /tmp/firewalld
    prepare
    cat /tmp/ufw; [ ! -e /tmp/firewalld ]
    clean
    cat /tmp/ufw /tmp/firewalld`);
  assert.equal(said, "Status: inactive\nStatus: active\nenable\nstart\n");
});

test("clean.sh flushes no table of rules that somebody else has made since, however long it is", () => {
  const said = onHost(`
    prepare
    program iptables-save 'echo "*nat"; echo ":MINE - [0:0]"; for n in {1..20000}; do echo "-A MINE -s 10.1.2.3/32 -j RETURN"; done; echo COMMIT'
    program iptables-restore 'wc -l'
    clean`);
  assert.equal(said, "20003\n");
});

test("clean.sh leaves namespaces and links that the pod network did not make", () => {
  const said = onHost(`
    ip netns add theirs; ip netns add cni-before
    prepare
    ip netns add cni-since
    for bridge in br0 cni0; do
      ip link add "$bridge" type bridge; ip link add "veth$bridge" type veth peer name "peer$bridge"
      ip link set "veth$bridge" master "$bridge"
    done
    clean
    ip netns list | sort; ip -o link show type veth | cut -d: -f2 | sort`);
  assert.equal(said, "cni-before\ntheirs\n peerbr0@vethbr0\n vethbr0@peerbr0\n");
});

test("clean.sh that was killed at its very end takes nothing for its own when it runs again", () => {
  const said = onHost(`
    mkdir -p /etc/cni/net.d; echo theirs > /etc/cni/net.d/mine.conf
    prepare
    program rm 'case "$*" in *host-state*) /bin/rm -f "\${!#}/existing-paths"; kill -9 $PPID ;; *) exec /bin/rm "$@" ;; esac'
    clean 2> /dev/null || true
    /bin/rm /usr/local/sbin/rm
    clean
    cat /etc/cni/net.d/mine.conf`);
  assert.equal(said, "theirs\n");
});

test("clean.sh removes a time zone and a resolv.conf that it made, unless they have been set up since", () => {
  const change = (since: string) =>
    onHost(`
      rm -f /etc/resolv.conf /etc/localtime
      prepare
      [ -e /etc/resolv.conf ]; [ -e /etc/localtime ]; ${since}
      clean
      cd /etc; ls -d resolv.conf localtime 2> /dev/null || true`);

  assert.equal(change(":"), "");
  const set = "echo nameserver 10.0.0.53 > /etc/resolv.conf; ln -sf /usr/share/zoneinfo/UTC /etc/localtime";
  assert.equal(change(set), "localtime\nresolv.conf\n");
});

test("programs whose unpacking was killed leave nothing behind", () => {
  const said = onHost(`
    prepare
    mkdir /tmp/docker; echo x > /tmp/docker/some-program; mkdir -p "$rootfs/cri"; tar -czf "$rootfs/cri/docker.tar.gz" -C /tmp docker
    program tar 'mkdir -p "$4/docker"; kill -9 $PPID'
    bash -c '. "$rootfs/scripts/lib.sh"; unpack "$rootfs/cri/docker.tar.gz" docker /usr/bin' 2> /dev/null || true
    ls -d /usr/bin/.sealer-?????? | wc -l
    clean
    ls -d /usr/bin/.sealer-?????? 2> /dev/null | wc -l`);
  assert.equal(said, "1\n0\n");
});

/**
 * Runs bash in a world of its own: this machine's files with nothing written through, other processes and network
 * unseen, and programs that would reach further played by scripts. `prepare` and `clean` are the image's scripts.
 */
function onHost(commands: string): string {
  assert.equal(process.getuid?.(), 0, "this test needs root: it makes namespaces");
  const { status, stdout, stderr } = spawnSync(
    "unshare",
    ["--mount", "--pid", "--net", "--uts", "--fork", "--kill-child", "bash", "-c", world, scripts, commands],
    { encoding: "utf8" },
  );
  assert.equal(status, 0, `it exited ${status}: ${stdout}${stderr}`);
  return stdout;
}

const world = `
set -e
scripts=$(readlink -f "$0") commands=$1
new=$(mktemp -d)
mount -t tmpfs tmpfs "$new"
mkdir "$new/up" "$new/work" "$new/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$new/up,workdir=$new/work" "$new/root"
for folder in proc run tmp root opt var/lib var/log; do
  if [ "$folder" = proc ]; then mount -t proc proc "$new/root/proc"; else mount -t tmpfs tmpfs "$new/root/$folder"; fi
done
mount --rbind /dev "$new/root/dev"
mkdir -p "$new/root/run/systemd/system" "$new/root/var/lib/sealer/data/mine/rootfs"
cp -a "$scripts" "$scripts/../etc" "$new/root/var/lib/sealer/data/mine/rootfs/"
# A bare host, whatever this machine has.
rm -rf "$new"/root/etc/{docker,containerd,cni,kubernetes} "$new"/root/usr/{,s}bin/{docker*,containerd*,ctr,runc,kube*}
echo "{}" > "$new/root/var/lib/sealer/data/mine/rootfs/Metadata"
exec chroot "$new/root" bash -c '
export PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin rootfs=/var/lib/sealer/data/mine/rootfs
program() { printf "#!/bin/bash\\n%s\\n" "$2" > "/usr/local/sbin/$1"; chmod 755 "/usr/local/sbin/$1"; }
program systemctl "case \\$1 in is-active) [ -e /run/active/\\\${!#} ] ;; is-enabled) exit 1 ;; esac"
for name in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore modprobe swapoff swapon; do program "$name" "exit 0"; done
# Whether the kernel is fit does not matter here: that is looked at last.
prepare() { bash "$rootfs/scripts/prepare-host.sh" > /tmp/said 2>&1 || true; [ -e /var/lib/sealer/data/mine/host-state/remembered ] || { cat /tmp/said >&2; return 1; }; }
clean() { bash "$rootfs/scripts/clean.sh"; }
eval "set -e; $1"' world "$commands"
`;
