import { SealerError } from "#errors";

/** A mistake in a Kubefile, told with its place. */
export function kubefileError(
  file: string,
  line: number,
  message: string,
  options: { readonly hint?: string | undefined; readonly cause?: unknown } = {},
): SealerError {
  return new SealerError("KUBEFILE_INVALID", message, { where: `${file}:${line}`, ...options });
}
