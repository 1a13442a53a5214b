import { createHash } from "node:crypto";
import { pipeline, type Readable, Transform } from "node:stream";
import { SealerError } from "#errors";
import { algorithmOf, type Descriptor, digestFromHash } from "#oci";

/**
 * The same bytes, failing with DIGEST_MISMATCH in the place of an end if they are not those of `content`, and as soon
 * as they are longer.
 */
export function verified(bytes: Readable, content: Pick<Descriptor, "digest" | "size">): Readable {
  const hash = createHash(algorithmOf(content.digest));
  let length = 0;
  const check = new Transform({
    readableHighWaterMark: 1 << 20,
    writableHighWaterMark: 1 << 20,
    transform(chunk: Buffer, _, done) {
      length += chunk.length;
      if (length > content.size) return done(sizeMismatch(content, length));
      hash.update(chunk);
      done(null, chunk);
    },
    flush(done) {
      if (length < content.size) return done(sizeMismatch(content, length));
      const actual = digestFromHash(hash, algorithmOf(content.digest));
      done(actual === content.digest ? null : digestMismatch(content.digest, actual));
    },
  });
  pipeline(bytes, check, () => {});
  return check;
}

export function digestMismatch(expected: string, actual: string): SealerError {
  return mismatch(`expected ${expected}, received ${actual}`);
}

/** `length` above the size means: at least that much came. */
export function sizeMismatch(
  { digest, size }: Pick<Descriptor, "digest" | "size">,
  length: number,
): SealerError {
  const came = length > size ? "more came" : `only ${length} came`;
  return mismatch(`${digest} should be ${size} bytes long, but ${came}`);
}

function mismatch(message: string): SealerError {
  return new SealerError("DIGEST_MISMATCH", message, {
    hint: "The content changed on its way here or where it is kept. Try again; if it stays so, pull or push the image anew.",
  });
}
