import { expandVariables, type Instruction, type InstructionOf, kubefileError } from "#kubefile";
import { formatPlatform, type Platform } from "#oci";
import { mapOf } from "./map-of.ts";

export interface ScopeOptions {
  readonly file: string;
  readonly platform: Platform;
  readonly buildArgs: Readonly<Record<string, string>>;
  /** Of the base image. */
  readonly baseEnv: Readonly<Record<string, string>>;
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
export class BuildScope {
  env: Readonly<Record<string, string>>;
  readonly #file: string;
  readonly #platform: Platform;
  readonly #buildArgs: Readonly<Record<string, string>>;
  readonly #used = new Set<string>();
  readonly #global = new Map<string, string>();
  #args = this.#global;

  constructor({ file, platform, buildArgs, baseEnv }: ScopeOptions) {
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
