import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Context } from "#cli";
import { type ContentSource, type RegistryClient, readCredentials } from "#content";
import { SealerError } from "#errors";
import type { Descriptor, Reference } from "#oci";
import type { Config } from "./read-config.ts";

/**
 * The repository of a reference in its registry, as config.yml says to reach it, with the credentials of Docker's
 * configuration. Reading asks the registry's mirrors first.
 */
export async function openRegistry(
  { registry, repository }: Pick<Reference, "registry" | "repository">,
  { registries }: Config,
  { env }: Context,
): Promise<RegistryClient> {
  throw new Error("later");
}
