/** One thing that is measured, in every round, of sealer and of the peer. */
export interface Line {
  readonly what: string;
  readonly unit: string;
  readonly sealer: readonly number[];
  readonly peer?: readonly number[];
  readonly peerName?: string;
  readonly goal?: string;
}
