/** Exit codes by family: 2 the user's input, 3 an image or a registry, 4 a host or the cluster, 5 the cluster's lock. */
const exitCodes = {
  USAGE: 2,
  FILE_NOT_FOUND: 2,
  FILE_INVALID: 2,
  KUBEFILE_INVALID: 2,
  CLUSTERFILE_INVALID: 2,
  CONFIG_INVALID: 2,
  YAML_INVALID: 2,
  REFERENCE_INVALID: 2,
  HOST_LIST_INVALID: 2,
  IMAGE_LIST_INVALID: 2,
  RUN_FAILED: 2,
  PROGRAM_MISSING: 2,
  TAR_INVALID: 3,
  PATH_UNSAFE: 3,
  DIGEST_INVALID: 3,
  DIGEST_MISMATCH: 3,
  IMAGE_NOT_FOUND: 3,
  IMAGE_INVALID: 3,
  IMAGE_IN_USE: 3,
  PLATFORM_NOT_FOUND: 3,
  REGISTRY_UNREACHABLE: 3,
  REGISTRY_REFUSED: 3,
  REGISTRY_FAILED: 3,
  STORE_LOCKED: 3,
  STORE_CORRUPT: 3,
  DOWNLOAD_FAILED: 3,
  DISK_FULL: 3,
  HOST_UNREACHABLE: 4,
  HOST_LOGIN_REFUSED: 4,
  HOST_KEY_CHANGED: 4,
  HOST_KEY_UNKNOWN: 4,
  HOST_COMMAND_FAILED: 4,
  HOST_UNFIT: 4,
  HOST_DISK_FULL: 4,
  CLUSTER_NOT_FOUND: 4,
  CLUSTER_EXISTS: 4,
  CLUSTER_NOT_READY: 4,
  STEPS_FAILED: 4,
  SANDBOX_IMPOSSIBLE: 4,
  SANDBOX_FAILED: 4,
  CLUSTER_LOCKED: 5,
  INTERRUPTED: 130,
} as const;

export type ErrorCode = keyof typeof exitCodes;

/** A failure that a user can act on. Anything else thrown is a bug in sealer. */
export class SealerError extends Error {
  override readonly name: string = "SealerError";
  readonly code: ErrorCode;
  /** The place of the mistake: `Kubefile:12`, `Clusterfile: spec.hosts[1].ips[0]`, a host's address. */
  readonly where: string | undefined;
  /** What the user can do about it. */
  readonly hint: string | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: {
      where?: string | undefined;
      hint?: string | undefined;
      cause?: unknown;
    } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.where = options.where;
    this.hint = options.hint;
  }

  get exitCode(): number {
    return exitCodes[this.code];
  }
}
