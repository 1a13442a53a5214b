import assert from "node:assert/strict";
import { test } from "node:test";
import { parseYaml } from "#yaml";
import {
  discoveryKubeconfig,
  initConfiguration,
  joinConfiguration,
  type KubeadmCluster,
} from "./kubeadm-configuration.ts";
import { readKubeadmDocuments } from "./kubeadm-documents.ts";
import { kubeadmApiOf, parseKubernetesVersion } from "./kubernetes-version.ts";

const node = { address: "10.0.0.1", name: "Host-1" };
const access = { token: "abcdef.0123456789abcdef", ca: "the CA", certificateKey: "ff" };

test("what depends on the cluster is filled in, what the image says stays", () => {
  const text = `
apiVersion: kubeadm.k8s.io/v1beta2
kind: ClusterConfiguration
kubernetesVersion: v1.19.8
networking: {podSubnet: 10.1.0.0/16}
apiServer:
  certSANs: [my.example.com, 10.0.0.1]
  extraArgs: {audit-log-maxage: "7", etcd-servers: "https://192.168.2.110:2379"}
---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
failSwapOn: false
cgroupDriver:
`;
  const [init, cluster, kubelet, proxy] = documents(
    initConfiguration(shared("v1.20.2", text), node, "systemd"),
  );

  assert.equal(init.apiVersion, "kubeadm.k8s.io/v1beta2");
  assert.deepEqual(init.localAPIEndpoint, { advertiseAddress: "10.0.0.1", bindPort: 6443 });
  assert.deepEqual(init.nodeRegistration, {
    name: "host-1",
    criSocket: "/var/run/dockershim.sock",
    kubeletExtraArgs: { "node-ip": "10.0.0.1" },
  });
  assert.equal(cluster.kubernetesVersion, "v1.20.2");
  assert.equal(cluster.controlPlaneEndpoint, "apiserver.cluster.local:6443");
  assert.equal(cluster.imageRepository, "sea.hub:5000/library");
  assert.deepEqual(cluster.networking, { podSubnet: "10.1.0.0/16", serviceSubnet: "10.96.0.0/22" });
  assert.deepEqual(cluster.apiServer, {
    certSANs: [
      "my.example.com",
      "10.0.0.1",
      "127.0.0.1",
      "apiserver.cluster.local",
      "10.0.0.2",
      "10.103.97.2",
    ],
    extraArgs: { "audit-log-maxage": "7" },
  });
  assert.deepEqual([kubelet.failSwapOn, kubelet.cgroupDriver], [false, "systemd"]);
  assert.deepEqual(proxy.ipvs, { excludeCIDRs: ["10.103.97.2/32"] });
});

test("an etcd of one's own stays", () => {
  const text = `
apiVersion: kubeadm.k8s.io/v1beta2
kind: ClusterConfiguration
etcd: {external: {endpoints: ["https://10.9.9.9:2379"]}}
apiServer: {extraArgs: {etcd-servers: "https://10.9.9.9:2379"}}
`;
  const [, cluster] = documents(initConfiguration(shared("v1.20.2", text), node, undefined));

  assert.deepEqual(cluster.etcd, { external: { endpoints: ["https://10.9.9.9:2379"] } });
  assert.deepEqual(cluster.apiServer?.extraArgs, { "etcd-servers": "https://10.9.9.9:2379" });
});

test("a joining host is told where the cluster is, and which CA it has", () => {
  const { clusters } = parseYaml(discoveryKubeconfig("fd00::1", "the CA"), { file: "discovery.conf" })[0]!
    .value as { clusters: { cluster: Record<string, string> }[] };
  assert.deepEqual(
    { ...clusters[0]!.cluster },
    {
      server: "https://[fd00::1]:6443",
      "certificate-authority-data": Buffer.from("the CA").toString("base64"),
    },
  );
});

test("only a master's join opens the certificates", () => {
  const text = `
apiVersion: kubeadm.k8s.io/v1beta2
kind: JoinConfiguration
discovery: {timeout: 5m0s}
controlPlane: {localAPIEndpoint: {bindPort: 6443}}
`;
  const cluster = shared("v1.20.2", text);
  const [worker] = documents(
    joinConfiguration(cluster, { ...node, role: "node" }, access, "/d/discovery.conf"),
  );
  const [master] = documents(
    joinConfiguration(cluster, { ...node, role: "master" }, access, "/d/discovery.conf"),
  );

  assert.equal(worker.controlPlane, undefined);
  assert.deepEqual(worker.discovery, {
    timeout: "5m0s",
    file: { kubeConfigPath: "/d/discovery.conf" },
    tlsBootstrapToken: access.token,
  });
  assert.deepEqual(master.controlPlane, {
    localAPIEndpoint: { bindPort: 6443, advertiseAddress: "10.0.0.1" },
    certificateKey: "ff",
  });
});

for (const [version, api] of [
  ["v1.14.9", "v1beta1"],
  ["v1.15.0", "v1beta2"],
  ["v1.21.14", "v1beta2"],
  ["v1.22.0", "v1beta3"],
  ["v1.30.1", "v1beta3"],
  ["v1.31.0", "v1beta4"],
  ["v1.9.11", "v1beta1"],
  ["v2.0.0", "v1beta4"],
] as const) {
  test(`kubeadm of ${version} reads ${api}`, () => {
    assert.equal(kubeadmApiOf(parseKubernetesVersion(version)), api);
  });
}

test("for v1beta4 arguments become lists and timeouts move; and back for older ones", () => {
  const old = `
apiVersion: kubeadm.k8s.io/v1beta3
kind: ClusterConfiguration
apiServer: {timeoutForControlPlane: 4m0s, extraArgs: {profiling: "false"}}
---
apiVersion: kubeadm.k8s.io/v1beta3
kind: JoinConfiguration
discovery: {timeout: 3m0s}
`;
  const [init, cluster] = documents(initConfiguration(shared("v1.31.2", old), node, undefined));
  assert.equal(cluster.apiVersion, "kubeadm.k8s.io/v1beta4");
  assert.deepEqual(init.timeouts, { controlPlaneComponentHealthCheck: "4m0s" });
  assert.deepEqual(cluster.apiServer?.extraArgs, [{ name: "profiling", value: "false" }]);
  assert.equal(cluster.apiServer?.timeoutForControlPlane, undefined);
  assert.deepEqual(init.nodeRegistration?.kubeletExtraArgs, [{ name: "node-ip", value: "10.0.0.1" }]);
  const [join] = documents(
    joinConfiguration(shared("v1.31.2", old), { ...node, role: "node" }, access, "/d/discovery.conf"),
  );
  assert.deepEqual(join.timeouts, { discovery: "3m0s" });

  const young = `
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
timeouts: {controlPlaneComponentHealthCheck: 4m0s}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
apiServer: {extraArgs: [{name: profiling, value: "false"}]}
`;
  const [, back] = documents(initConfiguration(shared("v1.20.2", young), node, undefined));
  assert.deepEqual(
    [back.apiServer?.timeoutForControlPlane, back.apiServer?.extraArgs],
    ["4m0s", { profiling: "false" }],
  );
});

for (const [what, version, text, message, where] of [
  [
    "a field that is gone",
    "v1.22.1",
    cluster("v1beta2", "dns: {type: CoreDNS}"),
    /dns\.type is gone since v1beta3/,
    /:3$/,
  ],
  [
    "a field that is not there yet",
    "v1.20.2",
    cluster("v1beta4", "certificateValidityPeriod: 1h"),
    /since v1beta4 only/,
    /:3$/,
  ],
  [
    "a timeout that older ones do not have",
    "v1.30.0",
    "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\ntimeouts: {etcdAPICall: 1m}\n",
    /timeouts\.etcdAPICall is there since v1beta4/,
    /:3$/,
  ],
  [
    "an argument that is given twice",
    "v1.30.0",
    cluster("v1beta4", "scheduler: {extraArgs: [{name: v, value: '1'}, {name: v, value: '2'}]}"),
    /v may be given once/,
    /:3$/,
  ],
  [
    "a kind that kubeadm does not know",
    "v1.20.2",
    "apiVersion: kubeadm.k8s.io/v1beta2\nkind: ClusterConfig\n",
    /knows no kind/,
    /:2$/,
  ],
  ["an API version of tomorrow", "v1.20.2", cluster("v1beta9", "{}"), /v1beta9 is not known/, /:1$/],
  [
    "a kind twice",
    "v1.20.2",
    `${cluster("v1beta2", "a: 1")}---\n${cluster("v1beta2", "a: 2")}`,
    /twice/,
    /:6$/,
  ],
] as const) {
  test(`refuses ${what}, telling where`, () => {
    assert.throws(() => initConfiguration(shared(version, text), node, undefined), {
      code: "CONFIG_INVALID",
      exitCode: 2,
      message,
      where,
    });
  });
}

test("a key like __proto__ changes nothing but itself", () => {
  const text = cluster("v1beta2", '__proto__: {polluted: "yes"}');

  initConfiguration(shared("v1.20.2", text), node, undefined);

  assert.equal(({} as { polluted?: string }).polluted, undefined);
});

function cluster(api: string, line: string): string {
  return `apiVersion: kubeadm.k8s.io/${api}\nkind: ClusterConfiguration\n${line === "{}" ? "" : `${line}\n`}`;
}

function shared(version: string, text: string): KubeadmCluster {
  return {
    documents: readKubeadmDocuments(text, "etc/kubeadm.yml"),
    version: parseKubernetesVersion(version),
    runtime: "docker",
    imageRepository: "sea.hub:5000/library",
    masters: ["10.0.0.1", "10.0.0.2"],
  };
}

interface Loose {
  readonly [key: string]: Loose;
}

function documents(text: string): [Loose, Loose, Loose, Loose] {
  return JSON.parse(JSON.stringify(parseYaml(text, { file: "out" }).map(({ value }) => value)));
}
