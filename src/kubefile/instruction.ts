/** Where an instruction stands. */
export interface Place {
  /** From 1; of the instruction's first line. */
  readonly line: number;
  /** From 1; of the instruction's word. */
  readonly column: number;
  /** The instruction as written, continuation lines joined; with the lines of its heredoc. */
  readonly raw: string;
  /** What escapes the next character in this Kubefile; `\` unless its first lines say otherwise. */
  readonly escapeCharacter: "\\" | "`";
}

export interface Pair {
  readonly name: string;
  readonly value: string;
}

/** Owner and mode of what COPY and ADD bring, where the Kubefile says it. */
export interface CopyFlags {
  /** `user[:group]`, as written. */
  readonly chown?: string;
  /** Octal digits. */
  readonly chmod?: string;
}

/**
 * One instruction of a Kubefile. Words still have their quotes and variables: `expandVariables` takes them out, with
 * what ARG and ENV said before. The texts of `run`, `cmd`, `cmds` and `appcmds` go to a shell as they are.
 */
export type Instruction = Place &
  (
    | { readonly kind: "from"; readonly image: string; readonly platform?: string }
    | (CopyFlags & {
        readonly kind: "copy" | "add";
        readonly sources: readonly string[];
        readonly target: string;
      })
    | {
        readonly kind: "run";
        /** A text for `/bin/sh -c`, or a program with its arguments. */
        readonly command: string | readonly string[];
        readonly network: "default" | "none";
      }
    | { readonly kind: "cmd"; readonly command: string }
    | { readonly kind: "cmds"; readonly commands: readonly string[] }
    | { readonly kind: "arg"; readonly args: readonly { readonly name: string; readonly value?: string }[] }
    | { readonly kind: "env" | "label"; readonly pairs: readonly Pair[] }
    | { readonly kind: "maintainer"; readonly name: string }
    | { readonly kind: "app" | "cni" | "csi"; readonly name: string; readonly sources: readonly string[] }
    | { readonly kind: "appenv"; readonly name: string; readonly pairs: readonly Pair[] }
    | { readonly kind: "appcmds"; readonly name: string; readonly commands: readonly string[] }
    | { readonly kind: "kubeversion"; readonly constraint: string }
    | { readonly kind: "launch"; readonly apps: readonly string[] }
  );

export type InstructionOf<Kind extends Instruction["kind"]> = Extract<Instruction, { kind: Kind }>;
