import assert from "node:assert/strict";
import { test } from "node:test";
import { readNodeStates, readPodProblems } from "./node-state.ts";

test("a node's state is what its conditions say", () => {
  const nodes = readNodeStates(
    JSON.stringify({
      items: [
        node("a", [{ type: "Ready", status: "True" }]),
        node("b", [
          { type: "Ready", status: "False", reason: "KubeletNotReady", message: "cni config uninitialized" },
          { type: "DiskPressure", status: "True", message: "kubelet has disk pressure" },
        ]),
        node("c", []),
      ],
    }),
  );

  assert.deepEqual(
    nodes?.map(({ name, ready, controlPlane, problems }) => [name, ready, controlPlane, problems]),
    [
      ["a", true, true, []],
      [
        "b",
        false,
        true,
        ["KubeletNotReady: cni config uninitialized", "DiskPressure: kubelet has disk pressure"],
      ],
      ["c", false, true, ["its kubelet has not reported yet"]],
    ],
  );
});

test("what is no list of nodes is not taken for an empty one", () => {
  assert.equal(readNodeStates("Unable to connect to the server"), undefined);
  assert.equal(readNodeStates('{"kind":"Status"}'), undefined);
});

test("only pods that do not do their work are told, and why", () => {
  const lines = readPodProblems(
    JSON.stringify({
      items: [
        {
          metadata: { name: "well" },
          spec: {},
          status: { phase: "Running", containerStatuses: [{ ready: true }] },
        },
        { metadata: { name: "done" }, spec: {}, status: { phase: "Succeeded" } },
        {
          metadata: { name: "waits", namespace: "apps" },
          spec: {},
          status: {
            phase: "Pending",
            conditions: [{ type: "PodScheduled", status: "False", message: "0/1 nodes" }],
          },
        },
        {
          metadata: { name: "crashes" },
          spec: { nodeName: "a" },
          status: {
            phase: "Running",
            containerStatuses: [{ ready: false, state: { waiting: { reason: "CrashLoopBackOff" } } }],
          },
        },
      ],
    }),
  );

  assert.deepEqual(lines, [
    "pod apps/waits: Pending, 0/1 nodes",
    "pod default/crashes on a: Running, CrashLoopBackOff",
  ]);
});

function node(name: string, conditions: readonly object[]) {
  return {
    metadata: { name, labels: { "node-role.kubernetes.io/control-plane": "" } },
    spec: {},
    status: { conditions, addresses: [], nodeInfo: { kubeletVersion: "v1.20.2" } },
  };
}
