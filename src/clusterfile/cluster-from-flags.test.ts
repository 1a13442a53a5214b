import assert from "node:assert/strict";
import { test } from "node:test";
import { type ClusterFlags, clusterFromFlags } from "./cluster-from-flags.ts";
import { masterZeroOf } from "./desired-cluster.ts";

test("masters come first, and a host's own port wins over the common one", () => {
  const cluster = clusterFromFlags(
    flags({ masters: [{ address: "10.0.0.1", port: 2222 }], nodes: [{ address: "10.0.0.2" }], port: 22 }),
  );

  assert.deepEqual(cluster.hosts, [
    { address: "10.0.0.1", port: 2222, user: "root", roles: ["master"] },
    { address: "10.0.0.2", port: 22, user: "root", roles: ["node"] },
  ]);
  assert.equal(masterZeroOf(cluster).address, "10.0.0.1");
});

test("values keep what follows the first equals sign, commas and blanks too", () => {
  const { env, cmdArgs } = clusterFromFlags(flags({ env: ["A=b=c, d", "B=1", "B=2"], cmdArgs: ["x=$(id)"] }));

  assert.deepEqual(env, { A: "b=c, d", B: "2" });
  assert.deepEqual(cmdArgs, { x: "$(id)" });
});

for (const [what, change, message] of [
  ["a name with a slash", { name: "../x" }, /not a name for a cluster/],
  ["an empty name", { name: "" }, /not a name for a cluster/],
  ["nodes without a master", { masters: [], nodes: [{ address: "10.0.0.2" }] }, /no master/],
  ["a host that is master and node", { nodes: [{ address: "10.0.0.1" }] }, /twice/],
  ["mixed families", { nodes: [{ address: "fd00::1" }] }, /mixed/],
  ["a variable without a value", { env: ["A"] }, /KEY=value/],
  ["a variable with a shell in its name", { env: ["A;id=1"] }, /not a variable's name/],
  ["a variable that changes the loader", { env: ["LD_PRELOAD=/tmp/x.so"] }, /may not be set/],
  ["a login name that is an option", { user: "-oProxyCommand=id" }, /not a login name/],
] as const) {
  test(`refuses ${what}`, () => {
    assert.throws(() => clusterFromFlags(flags(change)), { message, exitCode: 2 });
  });
}

function flags(change: Partial<ClusterFlags>): ClusterFlags {
  return {
    name: "mine",
    image: "kubernetes:v1.20.2",
    masters: [{ address: "10.0.0.1" }],
    nodes: [],
    user: "root",
    port: 22,
    env: [],
    cmdArgs: [],
    ...change,
  };
}
