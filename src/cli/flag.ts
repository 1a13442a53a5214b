/** One flag of a command, as help shows it and as the parser reads it. */
export interface Flag {
  readonly type: "string" | "boolean";
  /** One letter. */
  readonly short?: string;
  readonly multiple?: boolean;
  readonly summary: string;
  /** What help shows for the value: `DIR`, `linux/amd64`. */
  readonly value?: string;
  /** Other long names that mean the same. */
  readonly aliases?: readonly string[];
}

export type Flags = Readonly<Record<string, Flag>>;

export type FlagValues<F extends Flags> = {
  readonly [Name in keyof F]: F[Name]["type"] extends "boolean"
    ? boolean
    : F[Name]["multiple"] extends true
      ? readonly string[]
      : string | undefined;
};
