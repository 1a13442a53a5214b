/*
 * Every key of distribution's configuration file. A key is one that is read here, one that has no meaning here and may
 * stay in a file that was written for distribution (`unused`), or one that would be missed (`refused`, with the reason).
 */
export type Shape = Leaf | { readonly [key: string]: Shape };
export type Leaf =
  | "text"
  | "flag"
  | "number"
  | "duration"
  | "texts"
  | "headers"
  | "scalars"
  | "unused"
  | { readonly refused: string };

const noProxy =
  "this version does not yet fetch from other registries: take the proxy section out, and push what is needed here";
const onlyFiles = "only storage.filesystem is supported";
const onlyHtpasswd = "only auth.htpasswd is supported";

export const configShape = {
  version: "text",
  log: {
    accesslog: { disabled: "flag" },
    level: "text",
    formatter: "text",
    fields: "scalars",
    hooks: { refused: "mail hooks are not supported" },
    reportcaller: "unused",
  },
  loglevel: "text",
  storage: {
    filesystem: { rootdirectory: "text", maxthreads: "unused" },
    delete: { enabled: "flag" },
    cache: "unused",
    redirect: "unused",
    tag: "unused",
    maintenance: {
      uploadpurging: { enabled: "flag", age: "duration", interval: "duration", dryrun: "unused" },
      readonly: { enabled: "flag" },
    },
    inmemory: { refused: onlyFiles },
    s3: { refused: onlyFiles },
    azure: { refused: onlyFiles },
    gcs: { refused: onlyFiles },
    swift: { refused: onlyFiles },
    oss: { refused: onlyFiles },
  },
  auth: {
    htpasswd: { realm: "text", path: "text", anonymous: "text" },
    token: { refused: onlyHtpasswd },
    silly: { refused: onlyHtpasswd },
    none: "unused",
  },
  http: {
    addr: "text",
    net: "text",
    host: "text",
    prefix: { refused: "the API is served at /v2/ only" },
    secret: "unused",
    relativeurls: "unused",
    draintimeout: "duration",
    tls: {
      certificate: "text",
      key: "text",
      clientcas: "texts",
      minimumtls: "text",
      ciphersuites: { refused: "the cipher suites are Node's" },
      letsencrypt: { refused: "certificates are files: http.tls.certificate and http.tls.key" },
    },
    headers: "headers",
    debug: { addr: "text", prometheus: { enabled: "flag", path: "text" } },
    http2: "unused",
    h2c: "unused",
  },
  health: {
    storagedriver: { enabled: "flag", interval: "duration", threshold: "number" },
    file: { refused: "only health.storagedriver is supported" },
    http: { refused: "only health.storagedriver is supported" },
    tcp: { refused: "only health.storagedriver is supported" },
  },
  searchOrder: "texts",
  proxy: { refused: noProxy },
  middleware: { refused: "middleware is not supported" },
  reporting: "unused",
  notifications: { refused: "notifications are not supported" },
  redis: "unused",
  compatibility: "unused",
  validation: "unused",
  policy: "unused",
} as const satisfies Shape;
