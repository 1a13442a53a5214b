import { type ErrorCode, SealerError } from "#errors";

/** What went wrong between us and a registry, and whether the same request may work a moment later. */
export class RegistryError extends SealerError {
  override readonly name = "RegistryError";
  readonly transient: boolean;
  /** The HTTP status that was answered; undefined where there was no answer. */
  readonly status: number | undefined;
  /** Milliseconds that the registry asks to wait. */
  readonly retryAfter: number | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: {
      readonly where: string;
      readonly hint?: string | undefined;
      readonly cause?: unknown;
      readonly transient?: boolean;
      readonly status?: number | undefined;
      readonly retryAfter?: number | undefined;
    },
  ) {
    super(code, message, options);
    this.transient = options.transient ?? false;
    this.status = options.status;
    this.retryAfter = options.retryAfter;
  }
}
