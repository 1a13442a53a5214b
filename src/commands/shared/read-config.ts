import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { nearest, SealerError } from "#errors";
import { fsError } from "#files";
import type { ReferenceDefaults } from "#oci";
import { parseYaml, type YamlDocument } from "#yaml";

/** `<home>/config.yml`. */
export interface Config {
  /** Where ClusterImages without a domain belong. */
  readonly defaults: ReferenceDefaults;
  /** By domain, with its port if any. */
  readonly registries: ReadonlyMap<string, RegistrySettings>;
}

export interface RegistrySettings {
  /** Origins asked before the registry itself: `https://m.example.com`. */
  readonly mirrors: readonly string[];
  readonly plainHttp: boolean;
  /** A PEM file. */
  readonly ca?: string;
  /** Other domains that may be sent this registry's credentials. */
  readonly tokenServers: readonly string[];
}

/** The user's configuration; its defaults where there is no file. @throws CONFIG_INVALID, YAML_INVALID with the line */
export async function readConfig(home: string): Promise<Config> {
  const file = join(home, "config.yml");
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw fsError(error, "read the configuration", file);
  });
  const [document] = parseYaml(text, { file });
  return document ? new Reader(document, file).config() : defaultConfig;
}

const defaultConfig: Config = {
  defaults: { registry: "docker.io", namespace: "sealerio" },
  registries: new Map(),
};

type Path = readonly (string | number)[];

class Reader {
  readonly #document: YamlDocument;
  readonly #file: string;

  constructor(document: YamlDocument, file: string) {
    this.#document = document;
    this.#file = file;
  }

  config(): Config {
    const fields = this.#map(this.#document.value, [], ["defaultRegistry", "registries"]);
    const registries = new Map<string, RegistrySettings>();
    for (const [domain, value] of Object.entries(this.#map(fields.registries ?? {}, ["registries"]))) {
      registries.set(domain, this.#registry(value, ["registries", domain]));
    }
    const { defaultRegistry } = fields;
    return {
      registries,
      defaults:
        defaultRegistry === undefined
          ? defaultConfig.defaults
          : this.#defaults(this.#text(defaultRegistry, ["defaultRegistry"])),
    };
  }

  #defaults(text: string): ReferenceDefaults {
    const [registry = "", ...namespace] = text.split("/");
    if (registry === "" || !/[.:]|^localhost$/.test(registry)) {
      throw this.#invalid(`defaultRegistry "${text}" does not begin with a domain`, ["defaultRegistry"]);
    }
    return { registry, namespace: namespace.join("/") };
  }

  #registry(value: unknown, path: Path): RegistrySettings {
    const fields = this.#map(value, path, ["mirrors", "plainHttp", "ca", "tokenServers"]);
    const { plainHttp = false, ca } = fields;
    if (typeof plainHttp !== "boolean") throw this.#invalid("it is true or false", [...path, "plainHttp"]);
    return {
      plainHttp,
      mirrors: this.#texts(fields.mirrors ?? [], [...path, "mirrors"]).map((mirror, position) =>
        this.#origin(mirror, [...path, "mirrors", position]),
      ),
      tokenServers: this.#texts(fields.tokenServers ?? [], [...path, "tokenServers"]),
      ...(ca === undefined ? {} : { ca: this.#text(ca, [...path, "ca"]) }),
    };
  }

  #origin(text: string, path: Path): string {
    if (/^https?:\/\/[^/\s]+$/.test(text)) return text;
    throw this.#invalid(`"${text}" is not an origin such as https://mirror.example.com`, path);
  }

  #map(value: unknown, path: Path, known?: readonly string[]): Readonly<Record<string, unknown>> {
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw this.#invalid("it is not a map", path);
    for (const key of Object.keys(value)) {
      if (!known || known.includes(key)) continue;
      const meant = nearest(key, known);
      throw this.#invalid(
        `there is no field ${key}`,
        [...path, key],
        meant ? `Did you mean ${meant}?` : `The fields are ${known.join(", ")}.`,
      );
    }
    return value as Record<string, unknown>;
  }

  #texts(value: unknown, path: Path): string[] {
    if (!Array.isArray(value)) throw this.#invalid("it is not a list", path);
    return value.map((item, position) => this.#text(item, [...path, position]));
  }

  #text(value: unknown, path: Path): string {
    if (typeof value === "string" && value !== "") return value;
    throw this.#invalid("it is not a text", path);
  }

  #invalid(why: string, path: Path, hint?: string): SealerError {
    const where = `${this.#file}:${this.#document.lineOf(path)}`;
    return new SealerError("CONFIG_INVALID", `${path.join(".") || "the configuration"}: ${why}`, {
      where,
      hint,
    });
  }
}
