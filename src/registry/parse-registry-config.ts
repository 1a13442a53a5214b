import { SealerError } from "#errors";
import { parseYaml } from "#yaml";
import { ConfigValues } from "./config-values.ts";
import { defaultSearchOrder } from "./names.ts";
import type {
  AuthConfig,
  HttpConfig,
  ListenAddress,
  LogConfig,
  RegistryConfig,
  TlsConfig,
} from "./registry-config.ts";

/**
 * Reads distribution's configuration (YAML, `version: 0.1`) with our additions `auth.htpasswd.anonymous` and
 * `searchOrder`. Each key may be overridden from the environment as there: `http.tls.key` by `REGISTRY_HTTP_TLS_KEY`.
 * @param file how messages name the text
 * @throws YAML_INVALID, CONFIG_INVALID with the line
 */
export function parseRegistryConfig(
  text: string,
  file: string,
  env: Readonly<Record<string, string | undefined>> = {},
): RegistryConfig {
  const [document, ...more] = parseYaml(text, { file });
  if (more.length > 0) {
    throw new SealerError("CONFIG_INVALID", "the configuration is one YAML document, not several", {
      where: file,
    });
  }
  const values = new ConfigValues(document, file, env);
  values.check();
  const version = values.text("version");
  if (version !== undefined && version !== "0.1") {
    throw values.wrong("version", `is ${version}; this is about version 0.1`);
  }
  return {
    rootDirectory: values.text("storage.filesystem.rootdirectory") ?? "/var/lib/registry",
    deleteEnabled: values.flag("storage.delete.enabled") ?? false,
    readOnly: values.flag("storage.maintenance.readonly.enabled") ?? false,
    uploadPurging: uploadPurging(values),
    http: http(values),
    auth: auth(values),
    health: health(values),
    log: log(values),
    searchOrder: values.texts("searchOrder") ?? defaultSearchOrder,
  };
}

function uploadPurging(values: ConfigValues): RegistryConfig["uploadPurging"] {
  const at = "storage.maintenance.uploadpurging";
  if (values.flag(`${at}.enabled`) === false) return undefined;
  const hour = 3_600_000;
  return {
    age: values.duration(`${at}.age`) ?? 7 * 24 * hour,
    interval: values.duration(`${at}.interval`) ?? 24 * hour,
  };
}

function http(values: ConfigValues): HttpConfig {
  const net = values.text("http.net");
  if (net !== undefined && net !== "tcp")
    throw values.wrong("http.net", `is "${net}"; only tcp is supported`);
  return {
    address: address(values, "http.addr") ?? { host: undefined, port: 5000 },
    origin: origin(values),
    tls: tls(values),
    headers: values.headers("http.headers") ?? {},
    debug: debug(values),
    drainTimeout: values.duration("http.draintimeout") ?? 10_000,
  };
}

function origin(values: ConfigValues): string | undefined {
  const host = values.text("http.host");
  if (host === undefined || host === "") return undefined;
  if (!/^https?:\/\/[A-Za-z0-9.:[\]-]+\/?$/.test(host)) {
    throw values.wrong("http.host", `is "${host}"; write it as https://registry.example.com:5000`);
  }
  return host.replace(/\/$/, "");
}

function tls(values: ConfigValues): TlsConfig | undefined {
  const certificate = values.text("http.tls.certificate") || undefined;
  const key = values.text("http.tls.key") || undefined;
  if (certificate === undefined && key === undefined) return undefined;
  if (certificate === undefined || key === undefined) {
    const missing = certificate === undefined ? "certificate" : "key";
    throw values.wrong("http.tls", `has no ${missing}: TLS needs a certificate and its key`);
  }
  const minimum = values.text("http.tls.minimumtls") ?? "tls1.2";
  if (minimum !== "tls1.2" && minimum !== "tls1.3") {
    throw values.wrong("http.tls.minimumtls", `is "${minimum}"; it is tls1.2 or tls1.3`);
  }
  return {
    certificate,
    key,
    clientCas: values.texts("http.tls.clientcas") ?? [],
    minimum: minimum === "tls1.3" ? "TLSv1.3" : "TLSv1.2",
  };
}

function debug(values: ConfigValues): HttpConfig["debug"] {
  const at = address(values, "http.debug.addr");
  if (!at) return undefined;
  const enabled = values.flag("http.debug.prometheus.enabled") ?? false;
  return {
    address: at,
    metricsPath: enabled ? (values.text("http.debug.prometheus.path") ?? "/metrics") : undefined,
  };
}

/** `:5000`, `0.0.0.0:5000`, `[::1]:5000`, `localhost:5001`. */
function address(values: ConfigValues, path: string): ListenAddress | undefined {
  const text = values.text(path);
  if (text === undefined || text === "") return undefined;
  const parsed = parseListenAddress(text);
  if (!parsed) throw values.wrong(path, `is "${text}"; write it as :5000 or 127.0.0.1:5000`);
  return parsed;
}

export function parseListenAddress(text: string): ListenAddress | undefined {
  const [, v6, name = "", digits = ""] =
    /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9.-]*)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === "" || port > 65_535) return undefined;
  return { host: v6 ?? (name === "" ? undefined : name), port };
}

function auth(values: ConfigValues): AuthConfig | undefined {
  const chosen = values.env("REGISTRY_AUTH");
  if (chosen !== undefined && chosen !== "htpasswd" && chosen !== "none") {
    throw new SealerError("CONFIG_INVALID", `REGISTRY_AUTH is "${chosen}"; only htpasswd is supported`, {
      where: "REGISTRY_AUTH",
    });
  }
  if (chosen === "none" || (chosen === undefined && !values.has("auth.htpasswd"))) return undefined;
  const path = values.text("auth.htpasswd.path");
  if (!path) throw values.wrong("auth.htpasswd", "has no path to a file of users");
  const realm = values.text("auth.htpasswd.realm") ?? "Registry";
  if (!/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/.test(realm)) {
    throw values.wrong("auth.htpasswd.realm", "is printable ASCII without quotes and backslashes");
  }
  const anonymous = values.text("auth.htpasswd.anonymous") ?? "none";
  if (anonymous !== "none" && anonymous !== "pull") {
    throw values.wrong("auth.htpasswd.anonymous", `is "${anonymous}"; it is none or pull`);
  }
  return { realm, path, anonymous };
}

function health(values: ConfigValues): RegistryConfig["health"] {
  if (!values.flag("health.storagedriver.enabled")) return undefined;
  return {
    interval: values.duration("health.storagedriver.interval") ?? 10_000,
    threshold: values.number("health.storagedriver.threshold") ?? 3,
  };
}

function log(values: ConfigValues): LogConfig {
  const at = values.has("log.level") ? "log.level" : "loglevel";
  const level = values.text(at) ?? "info";
  if (level !== "error" && level !== "warn" && level !== "info" && level !== "debug") {
    throw values.wrong(at, `is "${level}"; it is error, warn, info or debug`);
  }
  const format = values.text("log.formatter") ?? "json";
  if (format !== "json" && format !== "text") {
    throw values.wrong("log.formatter", `is "${format}"; it is json or text`);
  }
  return {
    level,
    format,
    fields: values.scalars("log.fields") ?? {},
    access: !(values.flag("log.accesslog.disabled") ?? false),
  };
}
