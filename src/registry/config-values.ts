import { nearest, SealerError } from "#errors";
import type { YamlDocument } from "#yaml";
import { configShape, type Leaf, type Shape } from "./config-shape.ts";

type Env = Readonly<Record<string, string | undefined>>;
type Tree = Readonly<Record<string, unknown>>;

/** The values of a configuration file under those of the environment, by dotted path, once they have been checked. */
export class ConfigValues {
  readonly #document: YamlDocument | undefined;
  readonly #file: string;
  readonly #env: Env;

  constructor(document: YamlDocument | undefined, file: string, env: Env) {
    this.#document = document;
    this.#file = file;
    this.#env = env;
  }

  /** @throws CONFIG_INVALID for keys that there are not, that are not supported, and for values of another type */
  check(): void {
    this.#checkTree(this.#document?.value ?? {}, configShape, []);
    for (const { path, leaf } of leaves(configShape, [])) {
      const value = this.#env[envName(path)];
      if (value !== undefined && isRefused(leaf))
        throw this.wrong(path.join("."), `cannot be used: ${leaf.refused}`);
      if (value !== undefined) this.#checkLeaf(this.#fromEnv(path, leaf), leaf, path);
    }
  }

  text(path: string): string | undefined {
    const value = this.#value(path);
    return value === undefined || value === null ? undefined : String(value);
  }

  flag(path: string): boolean | undefined {
    return (this.#value(path) ?? undefined) as boolean | undefined;
  }

  number(path: string): number | undefined {
    return (this.#value(path) ?? undefined) as number | undefined;
  }

  /** In milliseconds. */
  duration(path: string): number | undefined {
    const value = this.#value(path);
    return value === undefined || value === null ? undefined : milliseconds(value);
  }

  texts(path: string): readonly string[] | undefined {
    return (this.#value(path) ?? undefined) as readonly string[] | undefined;
  }

  scalars(path: string): Readonly<Record<string, string>> | undefined {
    const value = (this.#value(path) ?? undefined) as Tree | undefined;
    return value && Object.fromEntries(Object.entries(value).map(([key, text]) => [key, String(text)]));
  }

  headers(path: string): Readonly<Record<string, readonly string[]>> | undefined {
    const value = (this.#value(path) ?? undefined) as Tree | undefined;
    return (
      value &&
      Object.fromEntries(Object.entries(value).map(([key, texts]) => [key, [texts].flat().map(String)]))
    );
  }

  /** Whether the path, or anything below it, is given. */
  has(path: string): boolean {
    const keys = path.split(".");
    const below = leaves(configShape, []).filter(({ path: leaf }) => keys.every((key, i) => leaf[i] === key));
    return (
      this.#inFile(keys) !== undefined ||
      below.some(({ path: leaf }) => this.#env[envName(leaf)] !== undefined)
    );
  }

  env(name: string): string | undefined {
    return this.#env[name];
  }

  wrong(path: string, why: string, hint?: string): SealerError {
    const keys = path.split(".");
    const fromEnv = this.#env[envName(keys)] !== undefined;
    const where = fromEnv ? envName(keys) : `${this.#file}:${this.#document?.lineOf(keys) ?? 1}`;
    return new SealerError("CONFIG_INVALID", `${path} ${why}`, { where, hint });
  }

  #value(path: string): unknown {
    const keys = path.split(".");
    const leaf = shapeAt(keys);
    return this.#env[envName(keys)] === undefined ? this.#inFile(keys) : this.#fromEnv(keys, leaf);
  }

  #inFile(keys: readonly string[]): unknown {
    return keys.reduce<unknown>(
      (value, key) => (isTree(value) && Object.hasOwn(value, key) ? value[key] : undefined),
      this.#document?.value,
    );
  }

  #fromEnv(keys: readonly string[], leaf: Shape): unknown {
    const text = this.#env[envName(keys)] ?? "";
    if (leaf === "flag")
      return text === "true" || text === "1" ? true : text === "false" || text === "0" ? false : text;
    if (leaf === "number") return /^\d+$/.test(text) ? Number(text) : text;
    if (leaf === "texts") return text.split(",").map((word) => word.trim());
    return text;
  }

  #checkTree(value: unknown, shape: Shape, path: readonly string[]): void {
    const at = path.join(".");
    if (typeof shape === "string" || isRefused(shape)) {
      this.#checkLeaf(value, shape, path);
      return;
    }
    if (value === null && path.length > 0) return;
    if (!isTree(value)) throw this.wrong(at, "is a group of keys, not a value");
    for (const [key, child] of Object.entries(value)) {
      if (!Object.hasOwn(shape, key)) throw this.#unknown([...path, key], Object.keys(shape));
      this.#checkTree(child, (shape as Readonly<Record<string, Shape>>)[key]!, [...path, key]);
    }
  }

  #checkLeaf(value: unknown, leaf: Leaf, path: readonly string[]): void {
    const at = path.join(".");
    if (isRefused(leaf)) throw this.wrong(at, `cannot be used: ${leaf.refused}`);
    if (value === null || leaf === "unused") return;
    const fault = faultOf(value, leaf);
    if (fault) throw this.wrong(at, `is ${fault}`);
  }

  #unknown(path: readonly string[], known: readonly string[]): SealerError {
    const guess = nearest(path.at(-1)!, known);
    return this.wrong(
      path.join("."),
      "is not a key of the configuration",
      guess ? `Did you mean ${[...path.slice(0, -1), guess].join(".")}?` : `Known here: ${known.join(", ")}.`,
    );
  }
}

/** What a value should be instead, if it is not what the leaf asks for. */
function faultOf(value: unknown, leaf: Exclude<Leaf, { refused: string } | "unused">): string | undefined {
  switch (leaf) {
    case "text":
      return isScalar(value) ? undefined : "a text";
    case "flag":
      return typeof value === "boolean" ? undefined : "true or false";
    case "number":
      return Number.isSafeInteger(value) && (value as number) > 0 ? undefined : "a number above 0";
    case "duration":
      return milliseconds(value) === undefined ? "a duration such as 10s, 5m or 24h" : undefined;
    case "texts":
      return Array.isArray(value) && value.every(isScalar) ? undefined : "a list of texts";
    case "scalars":
      return isTree(value) && Object.values(value).every(isScalar) ? undefined : "texts by name";
    case "headers":
      return isTree(value) && Object.entries(value).every(([name, texts]) => isHeader(name, texts))
        ? undefined
        : "lists of texts by the header's name";
  }
}

/** Go's notation: `1h30m`, `500ms`; a number alone is nanoseconds. */
function milliseconds(value: unknown): number | undefined {
  if (typeof value === "number") return value >= 0 ? value / 1e6 : undefined;
  const text = String(value);
  if (!/^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)];
  return parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * units[unit as keyof typeof units], 0);
}

const units = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

function* leaves(shape: Shape, path: readonly string[]): Generator<{ path: readonly string[]; leaf: Leaf }> {
  if (typeof shape === "string" || isRefused(shape)) yield { path, leaf: shape };
  else for (const [key, child] of Object.entries(shape)) yield* leaves(child, [...path, key]);
}

function shapeAt(keys: readonly string[]): Shape {
  return keys.reduce<Shape>((shape, key) => (shape as Readonly<Record<string, Shape>>)[key]!, configShape);
}

function envName(path: readonly string[]): string {
  return `REGISTRY_${path.join("_").toUpperCase()}`;
}

function isRefused(shape: Shape): shape is { readonly refused: string } {
  return typeof shape === "object" && typeof shape.refused === "string" && Object.keys(shape).length === 1;
}

function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isScalar(value: unknown): boolean {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}

function isHeader(name: string, texts: unknown): boolean {
  const values = [texts].flat();
  return (
    /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(name) &&
    values.every((text) => isScalar(text) && !/[^\t\x20-\x7e]/.test(String(text)))
  );
}
