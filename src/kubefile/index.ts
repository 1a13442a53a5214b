export { expandVariables, type Scope } from "./expand-variables.ts";
export type { CopyFlags, Instruction, InstructionOf, Pair, Place } from "./instruction.ts";
export { kubefileError } from "./kubefile-error.ts";
export { parseKubefile } from "./parse-kubefile.ts";
