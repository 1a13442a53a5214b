import { runCluster } from "#cluster";
import { MemoryContent } from "#content";
import { dialTcp } from "#hosts";
import { parseKubernetesVersion, readKubeadmDocuments } from "#kubernetes";
import { noProgress } from "#progress";
import { connectInNamespaces } from "./cluster-rig.ts";

/** A run in a process of its own, which a test can kill. What it works on comes as JSON, layers as base64. */
const { desired, blueprint, layers, home, places } = JSON.parse(process.argv[2] ?? "{}");
const content = new MemoryContent();
for (const { mediaType, bytes } of layers) await content.add(mediaType, Buffer.from(bytes, "base64"));
await runCluster({
  desired,
  blueprint: {
    ...blueprint,
    version: parseKubernetesVersion("v1.20.2"),
    kubeadm: readKubeadmDocuments("", "etc/kubeadm.yml"),
  },
  content,
  home,
  login: { password: "secret" },
  ownKey: true,
  operator: { user: "child", machine: "here", pid: process.pid },
  dial: dialTcp,
  connect: connectInNamespaces(places, new Set()),
  progress: process.argv[3] === "steps" ? (event) => console.log(JSON.stringify(event)) : noProgress,
  readyDeadline: 20_000,
});
