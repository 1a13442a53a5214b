import { manifestsFolder, repositoriesFolder } from "./layout.ts";
import { looksLikeDomain, type NameRequest, repositoryFor, searchPath } from "./names.ts";
import { Repository } from "./repository.ts";
import type { RegistryStorage } from "./storage.ts";

/** The repositories of a storage, by the names that requests use. */
export class Repositories {
  readonly #storage: RegistryStorage;
  readonly #searchOrder: readonly string[];

  constructor(storage: RegistryStorage, searchOrder: readonly string[]) {
    this.#storage = storage;
    this.#searchOrder = searchOrder;
  }

  /** Where a request writes to. */
  at(request: NameRequest): Repository {
    return new Repository(repositoryFor(request), this.#storage);
  }

  /** What `probe` finds first in the places where the name may be kept. */
  async find<Found>(
    request: NameRequest,
    probe: (repository: Repository) => Promise<Found | undefined>,
  ): Promise<Found | undefined> {
    const own = this.at(request);
    const found = await probe(own);
    if (found !== undefined) return found;
    for (const name of searchPath(request, await this.#domains(), this.#searchOrder)) {
      if (name === own.name) continue;
      const elsewhere = await probe(new Repository(name, this.#storage));
      if (elsewhere !== undefined) return elsewhere;
    }
    return undefined;
  }

  /** Names of all repositories that hold manifests, in the order of their bytes. */
  async names(): Promise<string[]> {
    const names: string[] = [];
    for await (const name of this.folders()) {
      if ((await this.#storage.files.list(manifestsFolder(name))).length > 0) names.push(name);
    }
    return names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  }

  /** Every folder that may be a repository, or have some below it. */
  async *folders(name = ""): AsyncIterable<string> {
    const folder = name === "" ? repositoriesFolder : `${repositoriesFolder}/${name}`;
    for (const child of await this.#storage.files.list(folder)) {
      if (child.startsWith("_") || child.startsWith(".")) continue;
      const path = name === "" ? child : `${name}/${child}`;
      yield path;
      yield* this.folders(path);
    }
  }

  async #domains(): Promise<string[]> {
    return (await this.#storage.files.list(repositoriesFolder)).filter(looksLikeDomain);
  }
}
