import { inputsOf } from "./inputs-of.ts";
import type { ObservedHost, Receipt } from "./observed-cluster.ts";
import type { Step, StepFrame, StepKind, StepWork } from "./step.ts";

/** A step, and why it is to be done; undefined where it is done. */
export interface Draft {
  readonly work: StepWork;
  readonly title: string;
  readonly host: string;
  readonly name?: string;
  readonly needs?: readonly string[];
  readonly bytes?: number;
  readonly seen?: Receipt | undefined;
  readonly why: string | undefined;
}

export const notYet = "not done yet";
export const changed = "what it depends on has changed";

export function draft(
  host: ObservedHost,
  work: StepWork,
  title: string,
  more: Pick<Draft, "why" | "needs" | "bytes" | "name">,
): Draft {
  const id = idOf(more.name ?? work.kind, host.address);
  return { work, title, host: host.address, seen: host.receipts.get(id), ...more };
}

export function stepOf({ work, title, host, name, needs = [], bytes = 0, seen, why }: Draft): Step {
  const frame: StepFrame = {
    id: idOf(name ?? work.kind, host),
    title,
    host,
    needs,
    inputs: inputsOf(work),
    bytes,
    why: why ?? "",
    seen: seen?.text ?? "",
  };
  return { ...frame, ...work };
}

export function idOf(kind: StepKind | (string & {}), address: string): string {
  return `${kind}@${address}`;
}

/** Why a step must be done although there may be a receipt. */
export function byReceipt(
  { address, receipts }: ObservedHost,
  work: StepWork,
  doubt: string | undefined,
  name: string = work.kind,
): string | undefined {
  const receipt = receipts.get(idOf(name, address));
  if (!receipt) return notYet;
  return receipt.inputs === inputsOf(work) ? doubt : changed;
}
