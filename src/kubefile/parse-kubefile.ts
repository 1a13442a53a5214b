import { nearest } from "#errors";
import type { Instruction, Place } from "./instruction.ts";
import { kubefileError } from "./kubefile-error.ts";
import { meaninglessHere, parsers } from "./parsers.ts";
import { readStatements, type Statement } from "./read-statements.ts";

const mostBytes = 1 << 20;

/**
 * Reads a Kubefile of any of Sealer's eras. `file` is how messages name it.
 * @throws KUBEFILE_INVALID with `file:line`
 */
export function parseKubefile(text: string, { file }: { readonly file: string }): Instruction[] {
  if (Buffer.byteLength(text) > mostBytes) {
    throw kubefileError(file, 1, `it is larger than ${mostBytes >> 10} kB, which no Kubefile should be`);
  }
  const nul = text.indexOf("\0");
  if (nul >= 0) throw kubefileError(file, text.slice(0, nul).split("\n").length, "there is a NUL byte in it");
  const instructions = readStatements(text, file).map((statement) => parseStatement(statement, file));
  checkOrder(instructions, file);
  return instructions;
}

function parseStatement(statement: Statement, file: string): Instruction {
  const word = statement.word.toUpperCase();
  const fail = (message: string, hint?: string) => kubefileError(file, statement.line, message, { hint });
  const parse = Object.hasOwn(parsers, word) ? parsers[word as keyof typeof parsers] : undefined;
  if (!parse) throw unknownInstruction(statement.word, fail);
  if (statement.rest === "" && !statement.heredoc) {
    throw fail(`${word} needs something after it`);
  }
  const { line, column, raw, escapeCharacter } = statement;
  const place: Place = { line, column, raw, escapeCharacter };
  return { ...place, ...parse(statement, fail) };
}

function unknownInstruction(word: string, fail: (message: string, hint?: string) => Error): Error {
  const upper = word.toUpperCase();
  const why = meaninglessHere.get(upper);
  if (why !== undefined) return fail(`${upper} has no meaning in a Kubefile`, why);
  const meant = nearest(upper, Object.keys(parsers));
  return fail(
    `there is no instruction ${word}`,
    meant ? `Did you mean ${meant}?` : `The instructions are ${Object.keys(parsers).join(" ")}.`,
  );
}

function checkOrder(instructions: readonly Instruction[], file: string): void {
  const froms = instructions.filter(({ kind }) => kind === "from");
  const early = instructions.find(({ kind }) => kind !== "arg");
  if (froms.length === 0 || early?.kind !== "from") {
    const what = early
      ? "a Kubefile starts with FROM; only ARG may stand before it"
      : "there is no FROM in it, and a Kubefile starts with FROM";
    throw kubefileError(file, early?.line ?? 1, what, {
      hint: "Write FROM and the base image, or FROM scratch, as the first line.",
    });
  }
  if (froms[1]) {
    throw kubefileError(file, froms[1].line, "there is a FROM already, and a ClusterImage has one base", {
      hint: `The first one is in line ${froms[0]!.line}. Build the other image by a Kubefile of its own.`,
    });
  }
  const launches = instructions.filter(({ kind }) => kind === "launch");
  if (launches[1]) throw kubefileError(file, launches[1].line, "LAUNCH may stand only once");
}
