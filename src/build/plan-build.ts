import { type Instruction, type InstructionOf, kubefileError, type Pair } from "#kubefile";
import { BuildScope, type ScopeOptions } from "./build-scope.ts";
import { mapOf } from "./map-of.ts";
import type { CopyStep } from "./plan-copy.ts";

/** What a Kubefile says, with its variables expanded, for one platform. */
export interface BuildPlan {
  readonly steps: readonly Step[];
  readonly author: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  /** What APPENV and APPCMDS say, by application. */
  readonly appChanges: readonly AppChange[];
  /** Commands and launched applications, in the order of the Kubefile. */
  readonly launch: readonly Launch[];
  /** Build arguments that no ARG asks for. */
  readonly unusedArgs: readonly string[];
}

/** One instruction as the image's history tells it; those without an action make no layer. */
export type Step = { readonly line: number; readonly createdBy: string } & (
  | { readonly kind: "none" }
  | { readonly kind: "copy"; readonly copy: CopyStep }
  | { readonly kind: "app"; readonly name: string; readonly copy: CopyStep }
  | RunStep
);

export interface RunStep {
  readonly kind: "run";
  readonly line: number;
  readonly command: string | readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly network: "default" | "none";
}

export type AppChange = { readonly line: number; readonly name: string } & (
  | { readonly env: Readonly<Record<string, string>> }
  | { readonly cmds: readonly string[] }
);

export type Launch =
  | { readonly kind: "command"; readonly command: string }
  | { readonly kind: "app"; readonly name: string; readonly line: number };

/** The image that FROM names, with the arguments that stand before it. */
export function planBase(
  instructions: readonly Instruction[],
  options: Omit<ScopeOptions, "baseEnv">,
): { readonly image: string; readonly platform?: string; readonly line: number } {
  const scope = new BuildScope({ ...options, baseEnv: {} });
  for (const instruction of instructions) {
    if (instruction.kind === "arg") scope.declare(instruction);
    if (instruction.kind !== "from") continue;
    const { line, platform } = instruction;
    const image = scope.expand(instruction.image, instruction);
    if (image === "")
      throw kubefileError(
        options.file,
        line,
        `FROM ${instruction.image} names no image: its variables are empty`,
      );
    return {
      image,
      line,
      ...(platform === undefined ? {} : { platform: scope.expand(platform, instruction) }),
    };
  }
  throw new Error("a parsed Kubefile has a FROM");
}

/** Everything after FROM. @throws KUBEFILE_INVALID */
export function planBuild(instructions: readonly Instruction[], options: ScopeOptions): BuildPlan {
  const scope = new BuildScope(options);
  const planner = new Planner(options.file, scope);
  for (const instruction of instructions) planner.take(instruction);
  return planner.plan();
}

class Planner {
  readonly #file: string;
  readonly #scope: BuildScope;
  readonly #steps: Step[] = [];
  readonly #labels: Record<string, string> = mapOf([]);
  readonly #appChanges: AppChange[] = [];
  readonly #launch: Launch[] = [];
  #author: string | undefined;

  constructor(file: string, scope: BuildScope) {
    this.#file = file;
    this.#scope = scope;
  }

  plan(): BuildPlan {
    return {
      steps: this.#steps,
      author: this.#author,
      labels: this.#labels,
      env: this.#scope.env,
      appChanges: this.#appChanges,
      launch: this.#launch,
      unusedArgs: this.#scope.unusedArgs(),
    };
  }

  take(instruction: Instruction): void {
    const { line, raw: createdBy } = instruction;
    switch (instruction.kind) {
      case "from":
        this.#scope.enterStage();
        return;
      case "arg":
        this.#scope.declare(instruction);
        break;
      case "copy":
      case "add":
        this.#steps.push({ kind: "copy", line, createdBy, copy: this.#copy(instruction) });
        return;
      case "run":
        this.#steps.push({ createdBy, ...this.#run(instruction) });
        return;
      case "app":
      case "cni":
      case "csi":
        this.#steps.push({
          kind: "app",
          line,
          createdBy,
          name: instruction.name,
          copy: this.#app(instruction),
        });
        if (instruction.kind !== "app") {
          this.#labels[`cluster.alpha.sealer.io/kube-${instruction.kind}-${instruction.name}`] = "true";
        }
        return;
      case "env":
        this.#scope.setEnv(this.#pairs(instruction));
        break;
      case "label":
        for (const [name, value] of this.#pairs(instruction)) this.#labels[name] = value;
        break;
      case "kubeversion":
        this.#labels["app.alpha.sealer.io/supported-kube-version"] = this.#expand(
          instruction.constraint,
          instruction,
        );
        break;
      case "maintainer":
        this.#author = instruction.name;
        break;
      case "appenv":
        this.#appChanges.push({ line, name: instruction.name, env: mapOf(this.#pairs(instruction)) });
        break;
      case "appcmds":
        this.#appChanges.push({ line, name: instruction.name, cmds: instruction.commands });
        break;
      case "cmd":
        this.#launch.push({ kind: "command", command: instruction.command });
        break;
      case "cmds":
        this.#launch.push(...instruction.commands.map((command) => ({ kind: "command" as const, command })));
        break;
      case "launch":
        this.#launch.push(...instruction.apps.map((name) => ({ kind: "app" as const, name, line })));
        break;
    }
    this.#steps.push({ kind: "none", line, createdBy });
  }

  #copy(instruction: InstructionOf<"copy" | "add">): CopyStep {
    const { line, kind, chown, chmod } = instruction;
    return {
      file: this.#file,
      line,
      word: kind.toUpperCase(),
      sources: instruction.sources.map((source) => this.#path(source, instruction)),
      target: this.#path(instruction.target, instruction),
      ...this.#owner(chown === undefined ? "0" : this.#expand(chown, instruction), line),
      ...(chmod === undefined ? {} : { chmod: this.#mode(this.#expand(chmod, instruction), line) }),
    };
  }

  /** A variable that nobody has set must not turn into the whole folder. */
  #path(written: string, instruction: InstructionOf<"copy" | "add">): string {
    const path = this.#expand(written, instruction);
    if (path !== "") return path;
    const word = instruction.kind.toUpperCase();
    throw kubefileError(this.#file, instruction.line, `${word}: ${written} is empty`, {
      hint: "Set its variables by ARG or ENV, or write . for the whole folder.",
    });
  }

  #owner(text: string, line: number): { uid: number; gid: number } {
    const [user = "", group = user] = text.replace(/\broot\b/g, "0").split(":");
    const ids = [user, group].map((id) => (/^\d{1,10}$/.test(id) ? Number(id) : Number.NaN));
    if (!ids.every((id) => id <= 0xffff_fffe)) {
      throw kubefileError(this.#file, line, `--chown=${text}: owners are numbers`, {
        hint: "--chown=1000:1000",
      });
    }
    return { uid: ids[0]!, gid: ids[1]! };
  }

  #mode(text: string, line: number): number {
    if (/^[0-7]{3,4}$/.test(text)) return Number.parseInt(text, 8);
    throw kubefileError(this.#file, line, `--chmod=${text}: modes are octal numbers`, {
      hint: "--chmod=0755",
    });
  }

  #run({ command, network, line }: InstructionOf<"run">): RunStep {
    return { kind: "run", line, command, network, env: this.#scope.runEnvironment() };
  }

  #app(instruction: InstructionOf<"app" | "cni" | "csi">): CopyStep {
    const { line, kind, name } = instruction;
    const word = kind.toUpperCase();
    const sources = instruction.sources.map((written) => {
      const source = this.#expand(written, instruction);
      if (source.startsWith("local://")) return source.slice("local://".length);
      if (/^https?:\/\//.test(source)) {
        throw kubefileError(
          this.#file,
          line,
          `${word} ${name}: this version of sealer cannot download ${source}`,
          {
            hint: "Download it next to the Kubefile and name it by local://.",
          },
        );
      }
      throw kubefileError(this.#file, line, `${word} ${name}: ${source} does not begin with local://`, {
        hint: `Write local://${source}.`,
      });
    });
    return { file: this.#file, line, word, sources, target: `application/apps/${name}/`, uid: 0, gid: 0 };
  }

  #pairs(instruction: Instruction & { readonly pairs: readonly Pair[] }): [string, string][] {
    return instruction.pairs.map(({ name, value }) => [
      this.#expand(name, instruction),
      this.#expand(value, instruction),
    ]);
  }

  #expand(text: string, instruction: Instruction): string {
    return this.#scope.expand(text, instruction);
  }
}
