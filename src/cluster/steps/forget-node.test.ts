import assert from "node:assert/strict";
import { test } from "node:test";
import { lookForReal } from "../../../test/fakes/cluster-rig.ts";
import { NamespaceHosts } from "../../../test/fakes/namespace-hosts.ts";
import { forgetNode } from "./forget-node.ts";

const kubectl = `
case $* in
  *"exec pod/etcd-host-0 "* | *"exec pod/etcd-host-2 "*) echo "cannot reach it" >&2; exit 1 ;;
  *"get pods"*) printf 'pod/etcd-%s\\n' host-0 host-1 host-2 ;;
  *"member list"*) printf '%s\\n' 'aa, started, host-1, https://[fd00::1]:2380, https://[fd00::1]:2379, false' \
    'bb, unstarted, , https://[fd00::2]:2380, , false' ;;
  *"member remove"*) echo "member remove \${*: -1}" >> /srv/noted ;;
  "delete node"*) echo "delete $3" >> /srv/noted ;;
esac`;

test("a member of etcd that failed to join has no name yet, and is known by its IPv6 address", async () => {
  await using hosts = await NamespaceHosts.create(["fd00::1"], { kubectl });
  const master = lookForReal(hosts.at("fd00::1"));

  await forgetNode(master, { node: "host-2", address: "fd00::2", role: "master" });

  assert.deepEqual(await hosts.noted(), ["member remove bb", "delete host-2"]);
});

test("an etcd that does not answer is passed over, and without any other it is told", async () => {
  await using hosts = await NamespaceHosts.create(["fd00::1"], { kubectl });
  const master = lookForReal(hosts.at("fd00::1"));

  const nobody = forgetNode(master, { node: "host-1", address: "fd00::1", role: "master" });

  await assert.rejects(nobody, {
    code: "HOST_COMMAND_FAILED",
    message: /no etcd answers that could forget host-1/,
  });
});
