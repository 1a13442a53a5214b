import type { Instruction, Pair, Place } from "./instruction.ts";
import type { Statement } from "./read-statements.ts";
import { splitWords } from "./split-words.ts";

type Fail = (message: string, hint?: string) => Error;
type Meaning = Instruction extends infer One ? (One extends Place ? Omit<One, keyof Place> : never) : never;
type Parser = (statement: Statement, fail: Fail) => Meaning;

/** How each instruction reads what follows its word. */
export const parsers = {
  FROM: (statement, fail) => {
    const { flags, words } = flagsAndWords(statement, fail, ["platform"]);
    if (words.length !== 1) {
      throw fail(
        "FROM takes one image",
        /^as$/i.test(words[1] ?? "") ? "There are no build stages in a Kubefile: leave AS out." : undefined,
      );
    }
    return { kind: "from", image: words[0]!, ...flags };
  },
  COPY: (statement, fail) => ({ kind: "copy", ...copied(statement, fail) }),
  ADD: (statement, fail) => ({ kind: "add", ...copied(statement, fail) }),
  RUN: (statement, fail) => {
    const { flags, rest } = leadingFlags(statement.rest, fail, ["network"]);
    const network = flags.network ?? "default";
    if (network !== "default" && network !== "none") {
      throw fail(`RUN --network=${network} is not possible`, "It can be default or none.");
    }
    return { kind: "run", network, command: runCommand(rest, statement, fail) };
  },
  CMD: ({ rest }) => ({ kind: "cmd", command: jsonStrings(rest)?.map(shellWord).join(" ") ?? rest }),
  CMDS: ({ rest }, fail) => ({ kind: "cmds", commands: commandList("CMDS", rest, fail) }),
  ARG: (statement, fail) => ({
    kind: "arg",
    args: splitWords(statement.rest, statement.escapeCharacter, fail).flatMap((word) => readArgs(word, fail)),
  }),
  ENV: (statement, fail) => ({ kind: "env", pairs: pairs("ENV", statement, fail) }),
  LABEL: (statement, fail) => ({ kind: "label", pairs: pairs("LABEL", statement, fail) }),
  MAINTAINER: ({ rest }) => ({ kind: "maintainer", name: rest }),
  APP: (statement, fail) => ({ kind: "app", ...application("APP", statement, fail) }),
  CNI: (statement, fail) => ({ kind: "cni", ...application("CNI", statement, fail) }),
  CSI: (statement, fail) => ({ kind: "csi", ...application("CSI", statement, fail) }),
  APPENV: (statement, fail) => {
    const [name = "", rest] = firstWord(statement.rest);
    if (rest === "") throw fail("APPENV takes an application and its variables", "APPENV myapp NAME=value");
    return { kind: "appenv", name, pairs: pairs("APPENV", { ...statement, rest }, fail) };
  },
  APPCMDS: ({ rest: text }, fail) => {
    const [name = "", rest] = firstWord(text);
    return { kind: "appcmds", name, commands: commandList(`APPCMDS ${name}`, rest, fail) };
  },
  KUBEVERSION: ({ rest }) => ({ kind: "kubeversion", constraint: rest.replace(/^(["'])(.*)\1$/, "$2") }),
  LAUNCH: ({ rest, escapeCharacter }, fail) => ({
    kind: "launch",
    apps: jsonStrings(rest) ?? splitWords(rest, escapeCharacter, fail),
  }),
} satisfies Record<string, Parser>;

/** Docker's instructions that say nothing about a cluster, and what to do instead. */
export const meaninglessHere: ReadonlyMap<string, string> = new Map([
  ["ENTRYPOINT", "A ClusterImage runs the commands of CMD on the first master."],
  ["EXPOSE", "Services of the cluster expose ports."],
  ["USER", "RUN works as root, and commands run on hosts as the user of the SSH login."],
  ["VOLUME", "A ClusterImage has no volumes."],
  ["WORKDIR", "The working folder is always the rootfs: write cd in the RUN that needs it."],
  ["SHELL", "RUN uses /bin/sh; call another one in it: RUN bash -c '…'."],
  ["HEALTHCHECK", "Pods have probes for that."],
  ["STOPSIGNAL", "A ClusterImage is not a process."],
  ["ONBUILD", "Write the instruction where it is to be done."],
]);

function copied(statement: Statement, fail: Fail) {
  const { flags, words } = flagsAndWords(statement, fail, ["chown", "chmod"]);
  const word = statement.word.toUpperCase();
  if (words.length < 2)
    throw fail(`${word} takes one or more sources and a target`, `${word} manifests manifests`);
  if (words.some((text) => text.startsWith("<<")))
    throw fail(`${word} cannot take its text from the Kubefile`);
  return { ...flags, sources: words.slice(0, -1), target: words.at(-1)! };
}

function runCommand(text: string, { heredoc }: Statement, fail: Fail): string | readonly string[] {
  if (!heredoc) {
    if (text === "") throw fail("RUN needs a command");
    return jsonStrings(text) ?? text;
  }
  if (text !== heredoc.opening) return `${text}\n${heredoc.body}${heredoc.terminator}\n`;
  if (heredoc.body.startsWith("#!")) {
    throw fail("RUN cannot choose another interpreter by #!", "COPY the script and RUN it.");
  }
  return heredoc.body;
}

/** `k1=v1,k2=v2` are two arguments; a comma in front of anything else belongs to the value, as in quotes. */
function readArgs(word: string, fail: Fail): { name: string; value?: string }[] {
  const quoted = /["'\\`]/.test(word);
  return (quoted ? [word] : word.split(/,(?=[\p{L}_][\p{L}\d_]*=)/u)).map((text) => {
    const equals = text.indexOf("=");
    const name = equals < 0 ? text : text.slice(0, equals);
    if (!/^[\p{L}_][\p{L}\d_]*$/u.test(name)) {
      throw fail(`"${name}" cannot be the name of an ARG`, "Names are letters, digits and _.");
    }
    return equals < 0 ? { name } : { name, value: text.slice(equals + 1) };
  });
}

/** `k=v k2="v 2"`, or `k the rest` as old Dockerfiles write it. */
function pairs(word: string, { rest, escapeCharacter }: Statement, fail: Fail): Pair[] {
  const words = splitWords(rest, escapeCharacter, fail);
  if (!words[0]?.includes("=")) {
    const [name = "", value] = firstWord(rest);
    if (value === "") throw fail(`${word} ${name} has no value`, `Write ${word} ${name}=value.`);
    return [pair(word, name, value, fail)];
  }
  return words.map((text) => {
    const equals = text.indexOf("=");
    if (equals < 0) {
      throw fail(`"${text}" has no =`, `A value with blanks is written in quotes: ${word} NAME="two words".`);
    }
    return pair(word, text.slice(0, equals), text.slice(equals + 1), fail);
  });
}

function pair(word: string, name: string, value: string, fail: Fail): Pair {
  const grammar = word === "LABEL" ? /^[^\s=]+$|^(["']).+\1$/ : /^[\p{L}_$][\p{L}\d_.${}-]*$/u;
  if (!grammar.test(name)) throw fail(`"${name}" cannot be a name in ${word}`);
  return { name, value };
}

function application(word: string, statement: Statement, fail: Fail) {
  const [name = "", rest] = firstWord(statement.rest);
  const sources = jsonStrings(rest) ?? splitWords(rest, statement.escapeCharacter, fail);
  if (sources.length === 0) {
    throw fail(`${word} takes a name and one or more sources`, `${word} myapp local://app.yaml`);
  }
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) {
    throw fail(`"${name}" cannot be the name of an application`, "Names are letters, digits, -, _ and dots.");
  }
  return { name, sources };
}

function commandList(word: string, text: string, fail: Fail): string[] {
  const commands = jsonStrings(text);
  if (!commands) throw fail(`${word} takes a JSON list of commands`, `${word} ["first", "second"]`);
  return commands;
}

function flagsAndWords<Name extends string>(statement: Statement, fail: Fail, known: readonly Name[]) {
  const { flags, rest } = leadingFlags(statement.rest, fail, known);
  return { flags, words: jsonStrings(rest) ?? splitWords(rest, statement.escapeCharacter, fail) };
}

function leadingFlags<Name extends string>(text: string, fail: Fail, known: readonly Name[]) {
  const flags: { [name in Name]?: string } = {};
  let rest = text;
  for (;;) {
    const flag = /^--([a-z][a-z-]*)(?:=(\S*))?(?:\s+|$)/.exec(rest);
    if (!flag) return { flags, rest };
    const name = known.find((one) => one === flag[1]);
    if (!name) throw fail(`--${flag[1]} is not possible here`, unsupportedFlags.get(flag[1]!));
    if (!flag[2]) throw fail(`--${name} needs a value`, `Write --${name}=…`);
    flags[name] = flag[2];
    rest = rest.slice(flag[0].length);
  }
}

const unsupportedFlags: ReadonlyMap<string, string> = new Map([
  ["from", "There are no build stages in a Kubefile: COPY takes files of the build folder."],
  ["mount", "RUN sees the rootfs and the programs of this machine, and no mounts."],
]);

function jsonStrings(text: string): string[] | undefined {
  if (!text.startsWith("[")) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every((item) => typeof item === "string") ? value : undefined;
  } catch {
    return undefined;
  }
}

function firstWord(text: string): [string, string] {
  const [word = ""] = /^\S+/.exec(text) ?? [];
  return [word, text.slice(word.length).trim()];
}

function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
