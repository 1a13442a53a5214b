import { SealerError } from "#errors";
import type { Finding } from "./find-unfit.ts";

/** Everything that is wrong is told at once. @throws HOST_UNFIT where there are findings */
export function refuseUnfit(findings: readonly Finding[]): void {
  if (findings.length === 0) return;
  const lines = findings.map(({ host, what }) => `  ${host}: ${what}`);
  const subject = findings.length === 1 ? "a host is" : "hosts are";
  throw new SealerError("HOST_UNFIT", `${subject} not fit, nothing was changed:\n${lines.join("\n")}`, {
    where: [...new Set(findings.map(({ host }) => host))].join(", "),
    hint: [...new Set(findings.map(({ hint }) => hint))].join("\n"),
  });
}
