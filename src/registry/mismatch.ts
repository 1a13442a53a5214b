import { SealerError } from "#errors";
import type { Digest } from "#oci";

export function mismatch(expected: Digest, received: Digest): SealerError {
  return new SealerError("DIGEST_MISMATCH", `expected ${expected}, received ${received}`, {
    hint: "The content changed on its way here. Send it again.",
  });
}
