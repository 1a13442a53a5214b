import { digestOf } from "#oci";
import type { StepWork } from "./step.ts";

/** The digest of what a step depends on; what only says how to get there is left out. */
export function inputsOf(work: StepWork): string {
  return digestOf(Buffer.from(JSON.stringify(essence(work))));
}

function essence(work: StepWork): unknown {
  switch (work.kind) {
    case "send-rootfs":
      return [work.kind, work.layers.map(({ descriptor }) => descriptor.digest)];
    case "join-master":
    case "join-node":
      return [work.kind, work.node];
    case "push-images":
      return [
        work.kind,
        work.images.map(({ repository, tag, descriptor }) => [repository, tag, descriptor.digest]),
        work.archives,
      ];
    default:
      return work;
  }
}
