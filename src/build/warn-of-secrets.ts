import type { Progress } from "#progress";
import type { CopyStep, LayerEntry } from "./plan-copy.ts";

const secrets =
  /(^|\/)(\.ssh\/(id_[^/]*|authorized_keys)|id_(rsa|dsa|ecdsa|ed25519)|\.docker\/config\.json|\.kube\/config|\.aws\/credentials|\.git-credentials|\.netrc|\.npmrc|\.pypirc)$/;

/** Whoever can pull the image can read what is copied into it. */
export function warnOfSecrets(
  entries: readonly LayerEntry[],
  { file, line }: CopyStep,
  progress: Progress,
): void {
  for (const { from } of entries) {
    if (from?.kind !== "file" || !secrets.test(from.path) || from.path.endsWith(".pub")) continue;
    const text = `${file}:${line}: ${from.path} looks like a secret and goes into the image; .dockerignore can keep it out`;
    progress({ type: "note", level: "warning", text });
  }
}
