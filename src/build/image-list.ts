import { SealerError } from "#errors";
import { formatReference, parseReference } from "#oci";

export interface ListedImage {
  readonly reference: string;
  readonly line: number;
}

/**
 * Reads a list of images, one reference a line; quotes, blanks and ` # comments` are taken off. `file` is how messages
 * name it. @throws IMAGE_LIST_INVALID with `file:line`
 */
export function parseImageList(text: string, file: string): ListedImage[] {
  return text
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/)
    .flatMap((written, position) => {
      const line = position + 1;
      const entry = written
        .replace(/(^|\s)#.*$/, "")
        .trim()
        .replace(/^(["'])(.*)\1$/, "$2")
        .trim();
      return entry === "" ? [] : [{ line, reference: normal(entry, `${file}:${line}`) }];
    });
}

function normal(entry: string, where: string): string {
  try {
    return formatReference(parseReference(entry));
  } catch (cause) {
    if (!(cause instanceof SealerError)) throw cause;
    throw new SealerError("IMAGE_LIST_INVALID", cause.message, { where, hint: cause.hint, cause });
  }
}
