/** Hosts out of Linux namespaces on this machine that share one closed network. */
export interface Sandbox {
  readonly name: string;
  /** Everything that is kept of it: state, keys, the hosts' disks. */
  readonly folder: string;
  /** Such as `172.28.0.0/24`. */
  readonly subnet: string;
  readonly hosts: readonly SandboxHost[];
  readonly user: "root";
  readonly password: string;
  /** OpenSSH private key that every host of the sandbox lets in as root. */
  readonly privateKeyPath: string;
}

export interface SandboxHost {
  /** Its host name. */
  readonly name: string;
  readonly address: string;
  /** `on` from the moment that its PID 1 lives. */
  readonly state: "on" | "off";
}

/** What `sandbox.json` holds. It is written before anything is made, so that whatever is made can be found again. */
export interface SandboxRecord {
  readonly version: 1;
  readonly name: string;
  /** Names the sandbox on the whole machine, whatever other root folders there are. */
  readonly id: string;
  readonly subnet: string;
  readonly gateway: string;
  readonly prefix: number;
  readonly hosts: readonly { readonly name: string; readonly address: string }[];
  /** The folder with the root file system that all hosts share. */
  readonly base: string;
  /** Size of each host's disk; without it the disk is an ordinary folder. */
  readonly diskBytes?: number | undefined;
}
