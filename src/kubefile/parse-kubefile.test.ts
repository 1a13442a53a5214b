import assert from "node:assert/strict";
import { test } from "node:test";
import { type Instruction, parseKubefile } from "./index.ts";

test("an instruction as written has the lines of its heredoc", () => {
  const [, run] = parse("FROM scratch\nRUN <<EOF\necho 1\nEOF\n");
  assert.equal(run?.raw, "RUN <<EOF\necho 1\nEOF");
});

test("reads the Kubefiles of the documents", () => {
  const [from, copy] = parse("#Kubefile\nFROM kubernetes-clusterv2:v1.19.8\nCOPY kubeadm.yml etc\n");
  assert.deepEqual(from, {
    kind: "from",
    image: "kubernetes-clusterv2:v1.19.8",
    line: 2,
    column: 1,
    raw: "FROM kubernetes-clusterv2:v1.19.8",
    escapeCharacter: "\\",
  });
  assert.deepEqual(meaning(copy!), { kind: "copy", sources: ["kubeadm.yml"], target: "etc" });
});

for (const [line, expected] of [
  ["from --platform=linux/arm64 x", { kind: "from", image: "x", platform: "linux/arm64" }],
  ["COPY . .", { kind: "copy", sources: ["."], target: "." }],
  ["COPY a b* dir/", { kind: "copy", sources: ["a", "b*"], target: "dir/" }],
  ['COPY ["a b", "c"]', { kind: "copy", sources: ["a b"], target: "c" }],
  [
    "COPY --chown=1:2 --chmod=0644 a b",
    { kind: "copy", chown: "1:2", chmod: "0644", sources: ["a"], target: "b" },
  ],
  ["ADD https://x.example/y z", { kind: "add", sources: ["https://x.example/y"], target: "z" }],
  ["RUN echo $A  && true", { kind: "run", network: "default", command: "echo $A  && true" }],
  ['RUN ["echo", "$A b"]', { kind: "run", network: "default", command: ["echo", "$A b"] }],
  ["RUN [ -f x ] && y", { kind: "run", network: "default", command: "[ -f x ] && y" }],
  ["RUN --network=none true", { kind: "run", network: "none", command: "true" }],
  ["CMD kubectl apply -f a.yaml,b.yaml", { kind: "cmd", command: "kubectl apply -f a.yaml,b.yaml" }],
  ['CMD ["echo", "a b"]', { kind: "cmd", command: "echo 'a b'" }],
  ['CMDS ["a b", "c,d"]', { kind: "cmds", commands: ["a b", "c,d"] }],
  [
    "ARG A=1,B=2",
    {
      kind: "arg",
      args: [
        { name: "A", value: "1" },
        { name: "B", value: "2" },
      ],
    },
  ],
  ["ARG A=1 B", { kind: "arg", args: [{ name: "A", value: "1" }, { name: "B" }] }],
  ["ARG LIST=a,b,c", { kind: "arg", args: [{ name: "LIST", value: "a,b,c" }] }],
  ['ARG X="a,B=2"', { kind: "arg", args: [{ name: "X", value: '"a,B=2"' }] }],
  [
    "ENV A=1 B='x y'",
    {
      kind: "env",
      pairs: [
        { name: "A", value: "1" },
        { name: "B", value: "'x y'" },
      ],
    },
  ],
  ["ENV A the rest  of it", { kind: "env", pairs: [{ name: "A", value: "the rest  of it" }] }],
  ["ENV __proto__=x", { kind: "env", pairs: [{ name: "__proto__", value: "x" }] }],
  ['LABEL "com.x/y"="z"', { kind: "label", pairs: [{ name: '"com.x/y"', value: '"z"' }] }],
  ["MAINTAINER Ada <ada@example.com>", { kind: "maintainer", name: "Ada <ada@example.com>" }],
  ["APP web local://web.yaml", { kind: "app", name: "web", sources: ["local://web.yaml"] }],
  ["CNI calico local://c", { kind: "cni", name: "calico", sources: ["local://c"] }],
  ["CSI disk local://d", { kind: "csi", name: "disk", sources: ["local://d"] }],
  [
    "APPENV web A=1 B=2",
    {
      kind: "appenv",
      name: "web",
      pairs: [
        { name: "A", value: "1" },
        { name: "B", value: "2" },
      ],
    },
  ],
  ['APPCMDS web ["a", "b"]', { kind: "appcmds", name: "web", commands: ["a", "b"] }],
  ["KUBEVERSION 1.22 - 1.24", { kind: "kubeversion", constraint: "1.22 - 1.24" }],
  ['LAUNCH ["a","b"]', { kind: "launch", apps: ["a", "b"] }],
  ["LAUNCH a b", { kind: "launch", apps: ["a", "b"] }],
] as const) {
  test(`reads ${line}`, () => {
    const [first, second] = parse(/^from/i.test(line) ? line : `FROM scratch\n${line}\n`);
    assert.deepEqual(meaning((second ?? first)!), expected);
  });
}

test("lines go on after a backslash, over comments and empty lines, and keep their blanks", () => {
  const [, run] = parse("FROM scratch\nRUN echo a \\  \n# why\n\n   && echo b\\\\\nCOPY a b\n");
  assert.deepEqual(meaning(run!), { kind: "run", network: "default", command: "echo a    && echo b\\\\" });
  assert.equal(run!.line, 2);
});

test("a byte order mark, Windows line ends and the escape directive are understood", () => {
  const [from, copy] = parse("\uFEFF# escape=`\r\nFROM scratch\r\nCOPY a `\r\n  b\r\n");
  assert.equal(from!.escapeCharacter, "`");
  assert.deepEqual(meaning(copy!), { kind: "copy", sources: ["a"], target: "b" });
});

test("a heredoc is the script of its RUN", () => {
  const [, script, piped, last] = parse(
    "FROM scratch\nRUN <<EOF\necho a\n# kept\nEOF\nRUN cat <<-'X' > y\n\tz\n\tX\nCOPY a b\n",
  );
  assert.equal(script!.kind === "run" && script!.command, "echo a\n# kept\n");
  assert.equal(piped!.kind === "run" && piped!.command, "cat <<-'X' > y\nz\nX\n");
  assert.equal(last!.line, 9);
});

for (const [text, line, message, hint] of [
  ["FROM scratch\n\nCPOY a b\n", 3, /no instruction CPOY/, /COPY/],
  ["FROM scratch\nBLAH a\n", 2, /no instruction BLAH/, /FROM COPY/],
  ["FROM scratch\nENTRYPOINT x\n", 2, /ENTRYPOINT has no meaning/, /CMD/],
  ["FROM scratch\nWORKDIR /proc/self/fd/7\n", 2, /WORKDIR has no meaning/, /cd/],
  ["FROM scratch\nRUN --mount=type=bind,source=/ true\n", 2, /--mount/, /RUN sees/],
  ["FROM scratch\nCOPY --from=x a b\n", 2, /--from/, /stages/],
  ["COPY a b\nFROM scratch\n", 1, /starts with FROM/, /scratch/],
  ["", 1, /starts with FROM/, /scratch/],
  ["FROM a\nFROM b\n", 2, /a FROM already/, /line 1/],
  ["FROM a AS b\n", 1, /one image/, /AS/],
  ["FROM scratch\nCOPY a\n", 2, /sources and a target/, /COPY/],
  ["FROM scratch\nCOPY\n", 2, /needs something/, undefined],
  ["FROM scratch\nRUN a \\\n", 2, /ends in the middle/, /\\/],
  ["# nothing\n", 1, /there is no FROM/, /FROM scratch/],
  ['FROM scratch\nCOPY a"b c\n', 2, /double quote is not closed/, /Close it/],
  ["FROM scratch\nENV A='b\n", 2, /single quote is not closed/, /Close it/],
  ["FROM scratch\nRUN <<EOF\necho\n", 2, /never closed/, undefined],
  ["FROM scratch\nENV A\n", 2, /no value/, /ENV A=/],
  ["FROM scratch\nENV A=1 B\n", 2, /no =/, /quotes/],
  ["FROM scratch\nENV A;id=1\n", 2, /cannot be a name/, undefined],
  ["FROM scratch\nARG a-b=1\n", 2, /cannot be the name/, /letters/],
  ["FROM scratch\nCMDS a b\n", 2, /JSON list/, /CMDS/],
  ["FROM scratch\nAPPCMDS x y\n", 2, /JSON list/, /APPCMDS/],
  ["FROM scratch\nAPP ../x local://y\n", 2, /name of an application/, undefined],
  ["FROM scratch\nAPP x\n", 2, /one or more sources/, /local/],
  ["FROM scratch\nLAUNCH a\nLAUNCH b\n", 3, /only once/, undefined],
  ["FROM scratch\nRUN a\0b\n", 2, /NUL/, undefined],
  ["FROM scratch\n__proto__ x\n", 2, /no instruction/, undefined],
  [`FROM scratch\n${"# filler\n".repeat(130_000)}`, 1, /larger/, undefined],
  ["# escape=x\nFROM scratch\n", 1, /cannot escape/, undefined],
] as const) {
  test(`refuses ${JSON.stringify(text.slice(0, 60))}, telling line ${line}`, () => {
    assert.throws(
      () => parse(text),
      (error: Error & { code?: string; where?: string; hint?: string }) => {
        assert.equal(error.code, "KUBEFILE_INVALID");
        assert.equal(error.where, `Kubefile:${line}`);
        assert.match(error.message, message);
        if (hint) assert.match(error.hint ?? "", hint);
        return true;
      },
    );
  });
}

function parse(text: string): Instruction[] {
  return parseKubefile(text, { file: "Kubefile" });
}

function meaning({ line, column, raw, escapeCharacter, ...rest }: Instruction): unknown {
  return rest;
}
