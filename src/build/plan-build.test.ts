import assert from "node:assert/strict";
import { test } from "node:test";
import { parseKubefile } from "#kubefile";
import type { ScopeOptions } from "./build-scope.ts";
import { planBase, planBuild } from "./plan-build.ts";

test("ARG and ENV count as in a Dockerfile", () => {
  const { steps, env } = plan(
    "ARG BASE=k8s\nARG TAG=v1\nFROM $BASE:$TAG\nARG TAG\nARG A=one B\nENV A=two C=$A\nENV D=$A\nRUN x\nCOPY $TAG ${B:-b} $BASE/",
    { buildArgs: { TAG: "v2" }, baseEnv: { P: "base" } },
  );
  assert.deepEqual({ ...env }, { P: "base", A: "two", C: "one", D: "two" });
  const run = steps.find(({ kind }) => kind === "run");
  assert.deepEqual(run?.kind === "run" && { ...run.env }, {
    ARCH: "amd64",
    TAG: "v2",
    A: "two",
    P: "base",
    C: "one",
    D: "two",
  });
  const copy = steps.find(({ kind }) => kind === "copy");
  assert.deepEqual(copy?.kind === "copy" && [...copy.copy.sources, copy.copy.target], ["v2", "b", "/"]);
});

test("FROM sees the arguments before it, and its platform", () => {
  const text = "ARG V=1\nFROM --platform=linux/$ARCH kubernetes:$V";
  assert.deepEqual(planBase(parse(text), options({ buildArgs: { V: "2" } })), {
    image: "kubernetes:2",
    line: 2,
    platform: "linux/amd64",
  });
});

test("nothing is ever given to a shell while variables are expanded", () => {
  const { labels } = plan("FROM scratch\nARG X=`id`\nLABEL a=${Y:-$(id)} b=$X c='$X' __proto__=z");
  assert.deepEqual(Object.entries(labels), [
    ["a", "$(id)"],
    ["b", "`id`"],
    ["c", "$X"],
    ["__proto__", "z"],
  ]);
  assert.equal(({} as Record<string, unknown>).z, undefined);
});

test("the platform is known to those who ask", () => {
  const { labels } = plan(
    "FROM scratch\nARG TARGETARCH TARGETOS TARGETPLATFORM\nLABEL a=$TARGETARCH b=$TARGETOS c=$TARGETPLATFORM d=$ARCH",
  );
  assert.deepEqual({ ...labels }, { a: "amd64", b: "linux", c: "linux/amd64", d: "amd64" });
});

test("CMD, CMDS and LAUNCH keep their order", () => {
  const { launch } = plan('FROM scratch\nCMD a, b\nCMDS ["c","d"]\nLAUNCH x\nCMD e');
  assert.deepEqual(launch, [
    { kind: "command", command: "a, b" },
    { kind: "command", command: "c" },
    { kind: "command", command: "d" },
    { kind: "app", name: "x", line: 4 },
    { kind: "command", command: "e" },
  ]);
});

test("applications are copied to folders of their own, and labelled where they are networks or disks", () => {
  const { steps, labels, appChanges } = plan(
    'FROM scratch\nAPP web local://web.yaml local://x\nCNI calico local://c\nAPPENV web A=1\nAPPCMDS web ["go"]\nKUBEVERSION "1.22 - 1.24"',
  );
  const [web] = steps;
  assert.deepEqual(web?.kind === "app" && [web.name, web.copy.sources, web.copy.target], [
    "web",
    ["web.yaml", "x"],
    "application/apps/web/",
  ]);
  assert.deepEqual(
    { ...labels },
    {
      "cluster.alpha.sealer.io/kube-cni-calico": "true",
      "app.alpha.sealer.io/supported-kube-version": "1.22 - 1.24",
    },
  );
  assert.equal(appChanges.length, 2);
});

test("build arguments that nobody asks for are told", () => {
  assert.deepEqual(plan("FROM scratch\nARG A", { buildArgs: { A: "", B: "", HTTP_PROXY: "" } }).unusedArgs, [
    "B",
  ]);
});

for (const [line, message] of [
  ["COPY ${A x y", /closing/],
  ["COPY $NOBODY_SET_THIS x", /COPY: \$NOBODY_SET_THIS is empty/],
  ["COPY a $NOBODY_SET_THIS", /is empty/],
  ["COPY --chown=nobody a b", /numbers/],
  ["COPY --chown=-1 a b", /numbers/],
  ["COPY --chmod=rwx a b", /octal/],
  ["APP a https://x.example/y", /cannot download/],
  ["APP a x.yaml", /local:/],
  ["ENV A=${B:?unset}", /B: unset/],
] as const) {
  test(`refuses ${line}`, () => {
    assert.throws(() => plan(`FROM scratch\n${line}`), {
      code: "KUBEFILE_INVALID",
      where: "Kubefile:2",
      message,
    });
  });
}

function plan(text: string, given: Partial<ScopeOptions> = {}) {
  return planBuild(parse(text), options(given));
}

function parse(text: string) {
  return parseKubefile(text, { file: "Kubefile" });
}

function options(given: Partial<ScopeOptions>): ScopeOptions {
  return {
    file: "Kubefile",
    platform: { os: "linux", architecture: "amd64" },
    buildArgs: {},
    baseEnv: {},
    ...given,
  };
}
