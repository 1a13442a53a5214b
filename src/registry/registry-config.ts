/** What a registry has to know, read from distribution's configuration file by `parseRegistryConfig`. */
export interface RegistryConfig {
  readonly rootDirectory: string;
  readonly deleteEnabled: boolean;
  readonly readOnly: boolean;
  readonly uploadPurging: { readonly age: number; readonly interval: number } | undefined;
  readonly http: HttpConfig;
  readonly auth: AuthConfig | undefined;
  readonly health: { readonly interval: number; readonly threshold: number } | undefined;
  readonly log: LogConfig;
  /** Domains in which names without one are looked for first, in this order. */
  readonly searchOrder: readonly string[];
}

export interface HttpConfig {
  readonly address: ListenAddress;
  /** Scheme and authority that clients know the registry by; replies are relative where it is not given. */
  readonly origin: string | undefined;
  readonly tls: TlsConfig | undefined;
  /** Headers of every reply. */
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly debug: { readonly address: ListenAddress; readonly metricsPath: string | undefined } | undefined;
  /** Milliseconds that running requests get when the registry stops. */
  readonly drainTimeout: number;
}

export interface ListenAddress {
  /** Every address where undefined. */
  readonly host: string | undefined;
  readonly port: number;
}

export interface TlsConfig {
  /** Paths of PEM files. */
  readonly certificate: string;
  readonly key: string;
  /** With these, a client without a certificate of theirs is refused. */
  readonly clientCas: readonly string[];
  readonly minimum: "TLSv1.2" | "TLSv1.3";
}

export interface AuthConfig {
  readonly realm: string;
  /** The htpasswd file. */
  readonly path: string;
  /** `pull`: reading needs no login, writing does. */
  readonly anonymous: "none" | "pull";
}

export interface LogConfig {
  readonly level: "error" | "warn" | "info" | "debug";
  readonly format: "json" | "text";
  /** In every line. */
  readonly fields: Readonly<Record<string, string>>;
  readonly access: boolean;
}
