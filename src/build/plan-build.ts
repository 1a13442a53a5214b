import type { Application } from "#cluster-image";
import { expandVariables, type Instruction, type InstructionOf, kubefileError, type Pair } from "#kubefile";
import { formatPlatform, type Platform } from "#oci";
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

export interface PlanOptions {
  readonly file: string;
  readonly platform: Platform;
  readonly buildArgs: Readonly<Record<string, string>>;
  /** Of the base image. */
  readonly baseEnv: Readonly<Record<string, string>>;
}

/** The image that FROM names, with the arguments that stand before it. */
export function planBase(
  instructions: readonly Instruction[],
  options: Omit<PlanOptions, "baseEnv">,
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
export function planBuild(instructions: readonly Instruction[], options: PlanOptions): BuildPlan {
  const scope = new BuildScope(options);
  const planner = new Planner(options.file, scope);
  for (const instruction of instructions) planner.take(instruction);
  return planner.plan();
}

class Planner {
  readonly #file: string;
  readonly #scope: BuildScope;
  readonly #steps: Step[] = [];
  readonly #labels: Record<string, string> = emptyMap();
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
      sources: instruction.sources.map((source) => this.#expand(source, instruction)),
      target: this.#expand(instruction.target, instruction),
      ...this.#owner(chown === undefined ? "0" : this.#expand(chown, instruction), line),
      ...(chmod === undefined ? {} : { chmod: this.#mode(this.#expand(chmod, instruction), line) }),
    };
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

/** Variables that build arguments may give without an ARG, and that no layer depends on. */
const proxyNames = ["http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy"].flatMap((name) => [
  name,
  name.toUpperCase(),
]);

/**
 * ARG and ENV as Docker sees them: ENV wins over ARG; `--build-arg` wins over the default of an ARG; what stands before
 * FROM counts after it only where an ARG without a value asks for it.
 */
class BuildScope {
  env: Readonly<Record<string, string>>;
  readonly #file: string;
  readonly #platform: Platform;
  readonly #buildArgs: Readonly<Record<string, string>>;
  readonly #used = new Set<string>();
  readonly #global = new Map<string, string>();
  #args = this.#global;

  constructor({ file, platform, buildArgs, baseEnv }: PlanOptions) {
    this.#file = file;
    this.#platform = platform;
    this.#buildArgs = buildArgs;
    this.env = mapOf(Object.entries(baseEnv));
  }

  enterStage(): void {
    this.#args = new Map();
  }

  declare(instruction: InstructionOf<"arg">): void {
    for (const { name, value } of instruction.args) {
      this.#used.add(name);
      const given = Object.hasOwn(this.#buildArgs, name) ? this.#buildArgs[name] : undefined;
      const written = value === undefined ? undefined : this.expand(value, instruction);
      const known = given ?? written ?? this.#global.get(name) ?? this.#automatic(name);
      if (known !== undefined) this.#args.set(name, known);
    }
  }

  setEnv(pairs: readonly (readonly [string, string])[]): void {
    this.env = mapOf([...Object.entries(this.env), ...pairs]);
  }

  expand(text: string, { line, escapeCharacter }: Instruction): string {
    try {
      return expandVariables(text, (name) => this.#lookUp(name), escapeCharacter);
    } catch (cause) {
      throw kubefileError(this.#file, line, (cause as Error).message, { cause });
    }
  }

  runEnvironment(): Record<string, string> {
    const proxies = Object.entries(this.#buildArgs).filter(([name]) => proxyNames.includes(name));
    return mapOf([
      ["ARCH", this.#platform.architecture],
      ...proxies,
      ...this.#args,
      ...Object.entries(this.env),
    ]);
  }

  unusedArgs(): string[] {
    return Object.keys(this.#buildArgs).filter((name) => !this.#used.has(name) && !proxyNames.includes(name));
  }

  #lookUp(name: string): string | undefined {
    if (Object.hasOwn(this.env, name)) return this.env[name];
    return this.#args.get(name) ?? (name === "ARCH" ? this.#platform.architecture : undefined);
  }

  /** What Docker knows without being told, for those who ask by ARG. */
  #automatic(name: string): string | undefined {
    const { os, architecture, variant = "" } = this.#platform;
    switch (name) {
      case "TARGETPLATFORM":
        return formatPlatform(this.#platform);
      case "TARGETOS":
        return os;
      case "TARGETARCH":
        return architecture;
      case "TARGETVARIANT":
        return variant;
      default:
        return undefined;
    }
  }
}

function emptyMap(): Record<string, string> {
  return Object.create(null) as Record<string, string>;
}

function mapOf(pairs: Iterable<readonly [string, string]>): Record<string, string> {
  const map = emptyMap();
  for (const [name, value] of pairs) map[name] = value;
  return map;
}

/** Applications with what APPENV and APPCMDS say of them; the last APPCMDS wins. @throws KUBEFILE_INVALID */
export function changeApps(
  apps: ReadonlyMap<string, Application>,
  changes: readonly AppChange[],
  file: string,
): Map<string, Application> {
  const changed = new Map(apps);
  for (const change of changes) {
    const app = changed.get(change.name);
    if (!app) {
      throw kubefileError(file, change.line, `there is no application ${change.name}`, {
        hint: changed.size > 0 ? `There are ${[...changed.keys()].join(", ")}.` : "Bring it by APP first.",
      });
    }
    changed.set(
      change.name,
      "cmds" in change ? { ...app, cmds: change.cmds } : { ...app, env: { ...app.env, ...change.env } },
    );
  }
  return changed;
}
