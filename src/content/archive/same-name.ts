import { formatReference, parseReference } from "#oci";

/** Whether two names mean one image by Docker's rules: `nginx` and `docker.io/library/nginx:latest`. */
export function sameName(a: string, b: string): boolean {
  return a === b || (full(a) ?? a) === full(b);
}

function full(name: string): string | undefined {
  try {
    return formatReference(parseReference(name));
  } catch {
    return undefined;
  }
}
