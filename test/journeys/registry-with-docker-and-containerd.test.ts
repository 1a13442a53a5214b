import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { hash } from "bcryptjs";
import { registryImage } from "../../clusterimages/registry/registry-image.ts";
import { run } from "../fixtures/programs.ts";

/*
 * dockerd, containerd and the registry, unpacked from its own image, in namespaces of their own: nothing that they
 * mount, listen on or leave behind is seen outside.
 */
const folder = await mkdtemp(join(tmpdir(), "registry-engines-"));
after(() => rm(folder, { recursive: true, force: true }));
const project = join(import.meta.dirname, "../..");
const archive = join(folder, "registry.tar");

test("the same inputs make the same image", async () => {
  const node = join(project, `node_modules/node-linux-${process.arch}/bin/node`);
  const again = join(folder, "again.tar");
  const options = { project, node, version: "1.2.3" };
  const [first, second] = [
    await registryImage({ ...options, output: archive }),
    await registryImage({ ...options, output: again }),
  ];
  assert.equal(first.id, second.id);
  await run("cmp", archive, again);
  const inspected = JSON.parse(await run("skopeo", "inspect", "--config", `docker-archive:${archive}`));
  assert.deepEqual(inspected.config.Cmd, ["--config", "/etc/docker/registry/config.yml"]);
});

test("docker and containerd load the registry's image, push to it and pull from it", async () => {
  assert.equal(process.getuid?.(), 0, "this test needs root, for namespaces and container engines");
  for (const program of ["dockerd", "docker", "containerd", "ctr", "skopeo"]) {
    await run("sh", "-c", `command -v ${program}`).catch(() => {
      throw new Error(`this test needs ${program}: apt-get install docker.io containerd skopeo`);
    });
  }
  await prepare();
  await writeFile(join(folder, "engines.sh"), engines);
  const said = await run(
    "unshare",
    "-m",
    "-n",
    "--propagation",
    "private",
    "bash",
    join(folder, "engines.sh"),
    folder,
  );
  assert.match(said, /push without login: refused/);
  assert.match(said, /mounted/i);
  assert.deepEqual(JSON.parse(said.trim().split("\n").at(-1)!), {
    repositories: ["docker.io/library/nginx", "library/own", "other/own"],
  });
});

async function prepare(): Promise<void> {
  await mkdir(join(folder, "registry"));
  await mkdir(join(folder, "trust/sea.hub:5000"), { recursive: true });
  const certificate = join(folder, "registry/sea.hub.crt");
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
  const subject = ["-subj", "/CN=sea.hub", "-addext", "subjectAltName=DNS:sea.hub"];
  const files = ["-keyout", join(folder, "registry/sea.hub.key"), "-out", certificate];
  await run("openssl", "req", "-x509", ...curve, "-nodes", ...files, ...subject);
  await writeFile(join(folder, "trust/sea.hub:5000/ca.crt"), await readFile(certificate));
  await writeFile(join(folder, "registry/htpasswd"), `admin:${await hash("passw0rd", 5)}\n`);
  await writeFile(
    join(folder, "registry/config.yml"),
    `version: 0.1
storage: {filesystem: {rootdirectory: /var/lib/registry}}
http: {addr: ":5000", tls: {certificate: /test/sea.hub.crt, key: /test/sea.hub.key}}
auth: {htpasswd: {realm: sea.hub, path: /test/htpasswd, anonymous: pull}}
`,
  );
  const hosts = `server = "https://sea.hub:5000"\n[host."https://sea.hub:5000"]\ncapabilities = ["pull", "resolve", "push"]\nca = "${certificate}"\n`;
  for (const name of ["_default", "sea.hub:5000"]) {
    await mkdir(join(folder, "hosts", name), { recursive: true });
    await writeFile(join(folder, "hosts", name, "hosts.toml"), hosts);
  }
}

/** The registry's address is not in 127/8, which docker would take for insecure, and would then not look at its CA. */
const engines = String.raw`set -euo pipefail
cd "$1"
ip link set lo up
ip addr add 10.9.0.1/32 dev lo
mount -t tmpfs tmpfs /run
mkdir -p over containerd docker
mount -t tmpfs tmpfs over
mkdir over/upper over/work
mount -t overlay overlay -o lowerdir=/etc,upperdir="$PWD/over/upper",workdir="$PWD/over/work" /etc
mkdir -p /etc/docker/certs.d
cp -r trust/* /etc/docker/certs.d/
printf '127.0.0.1 localhost\n10.9.0.1 sea.hub\n' > /etc/hosts
stop() { for pid in $(jobs -p); do kill "$pid" 2> /dev/null || true; wait "$pid" 2> /dev/null || true; done; }
trap stop EXIT
until_works() { for _ in $(seq 100); do "$@" > /dev/null 2>&1 && return 0; sleep 0.2; done; echo "never worked: $*" >&2; tail -n 20 ./*.log >&2; return 1; }

mkdir image root
tar -xf registry.tar -C image
for layer in $(sed 's/.*"Layers":\[\([^]]*\)\].*/\1/; s/[",]/ /g' image/manifest.json); do tar -xpf "image/$layer" -C root; done
mkdir root/test
mount --bind registry root/test
chroot root /usr/local/bin/node /usr/local/lib/sealer/registry.cjs --config /test/config.yml > registry.log 2>&1 &
until_works curl -sf --cacert registry/sea.hub.crt https://sea.hub:5000/healthz

docker="docker -H unix:///run/docker.sock --config $PWD/login"
dockerd --data-root "$PWD/docker" --exec-root /run/docker-exec -H unix:///run/docker.sock --pidfile /run/docker.pid --iptables=false --ip6tables=false --bridge=none > dockerd.log 2>&1 &
until_works $docker info
$docker load --quiet --input registry.tar
$docker tag sealer-registry:1.2.3 sea.hub:5000/library/own:1
if $docker push sea.hub:5000/library/own:1 > refused.log 2>&1; then echo "pushed without a login" >&2; exit 1; fi
grep -q unauthorized refused.log && echo "push without login: refused"
echo passw0rd | $docker login --username admin --password-stdin sea.hub:5000 2> /dev/null
$docker push sea.hub:5000/library/own:1
$docker tag sealer-registry:1.2.3 sea.hub:5000/other/own:2
$docker push sea.hub:5000/other/own:2
$docker logout sea.hub:5000
$docker rmi sealer-registry:1.2.3 sea.hub:5000/library/own:1 sea.hub:5000/other/own:2 > /dev/null
$docker pull --quiet sea.hub:5000/library/own:1

skopeo copy --quiet --dest-cert-dir trust/sea.hub:5000 --dest-creds admin:passw0rd docker-archive:registry.tar docker://sea.hub:5000/docker.io/library/nginx:1
printf 'version = 2\nroot = "%s/containerd"\nstate = "/run/cd"\n[grpc]\naddress = "/run/cd.sock"\n' "$PWD" > containerd.toml
containerd --config containerd.toml > containerd.log 2>&1 &
ctr="ctr --address /run/cd.sock"
until_works $ctr version
$ctr images import registry.tar
$ctr images pull --hosts-dir hosts docker.io/library/nginx:1 > /dev/null
$ctr images pull --hosts-dir hosts sea.hub:5000/library/nginx:1 > /dev/null
$ctr images push --hosts-dir hosts --user admin:passw0rd sea.hub:5000/other/own:3 docker.io/library/nginx:1 > /dev/null
curl -sf --cacert registry/sea.hub.crt https://sea.hub:5000/v2/_catalog
`;
