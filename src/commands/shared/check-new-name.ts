import { SealerError } from "#errors";
import { parseReference, type Reference, type ReferenceDefaults } from "#oci";

/** A name that an image is to be given: with a tag or without, but never with a digest. @throws REFERENCE_INVALID */
export function checkNewName(name: string, defaults: ReferenceDefaults): Reference {
  const reference = parseReference(name, defaults);
  if (reference.digest === undefined) return reference;
  throw new SealerError(
    "REFERENCE_INVALID",
    `"${name}" names a digest, and a digest cannot be given to an image`,
    {
      hint: `Give it a tag: ${name.slice(0, name.indexOf("@"))}:v1.`,
    },
  );
}
