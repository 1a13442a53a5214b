import assert from "node:assert/strict";
import { test } from "node:test";
import { SealerError } from "#errors";
import { parseRegistryConfig } from "./index.ts";

/** As old ClusterImages carry it. */
const distribution = `version: 0.1
log:
  fields:
    service: registry
storage:
  cache:
    blobdescriptor: inmemory
  filesystem:
    rootdirectory: /data
http:
  addr: :5001
  headers:
    X-Content-Type-Options: [nosniff]
health:
  storagedriver:
    enabled: true
    interval: 10s
    threshold: 3
`;

test("reads the configuration that distribution comes with", () => {
  const config = parseRegistryConfig(distribution, "config.yml");
  assert.equal(config.rootDirectory, "/data");
  assert.equal(config.deleteEnabled, false);
  assert.deepEqual(config.http.address, { host: undefined, port: 5001 });
  assert.deepEqual(config.http.headers, { "X-Content-Type-Options": ["nosniff"] });
  assert.deepEqual(config.health, { interval: 10_000, threshold: 3 });
  assert.deepEqual(config.log.fields, { service: "registry" });
});

test("has defaults for everything", () => {
  const config = parseRegistryConfig("", "config.yml");
  assert.deepEqual(config.http.address, { host: undefined, port: 5000 });
  assert.equal(config.rootDirectory, "/var/lib/registry");
  assert.deepEqual([config.auth, config.http.tls, config.health], [undefined, undefined, undefined]);
});

test("the environment wins over the file, as old start scripts set it", () => {
  const config = parseRegistryConfig(distribution, "config.yml", {
    REGISTRY_HTTP_TLS_CERTIFICATE: "/certs/sea.hub.crt",
    REGISTRY_HTTP_TLS_KEY: "/certs/sea.hub.key",
    REGISTRY_HTTP_DEBUG_ADDR: "0.0.0.0:5002",
    REGISTRY_HTTP_DEBUG_PROMETHEUS_ENABLED: "true",
    REGISTRY_HTTP_ADDR: "127.0.0.1:6000",
    REGISTRY_AUTH: "htpasswd",
    REGISTRY_AUTH_HTPASSWD_PATH: "/htpasswd",
    REGISTRY_AUTH_HTPASSWD_REALM: "Registry Realm",
    REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: "/var/lib/registry",
    REGISTRY_STORAGE_DELETE_ENABLED: "true",
    REGISTRY_PORT: "tcp://10.96.0.7:5000",
  });
  assert.deepEqual(config.http.tls, {
    certificate: "/certs/sea.hub.crt",
    key: "/certs/sea.hub.key",
    clientCas: [],
    minimum: "TLSv1.2",
  });
  assert.deepEqual(config.http.debug, { address: { host: "0.0.0.0", port: 5002 }, metricsPath: "/metrics" });
  assert.deepEqual(config.http.address, { host: "127.0.0.1", port: 6000 });
  assert.deepEqual(config.auth, { realm: "Registry Realm", path: "/htpasswd", anonymous: "none" });
  assert.deepEqual([config.rootDirectory, config.deleteEnabled], ["/var/lib/registry", true]);
});

test("reads our additions", () => {
  const text = "auth: {htpasswd: {path: /p, anonymous: pull}}\nsearchOrder: [quay.io, reg.io:5000]\n";
  const config = parseRegistryConfig(text, "config.yml");
  assert.equal(config.auth?.anonymous, "pull");
  assert.deepEqual(config.searchOrder, ["quay.io", "reg.io:5000"]);
});

for (const [text, where, message, hint] of [
  ["version: 0.1\nstorag: {}\n", "config.yml:2", /^storag is not a key/, /storage/],
  [
    "http:\n  addr: :5000\n  tls:\n    certficate: x\n",
    "config.yml:4",
    /^http.tls.certficate/,
    /http.tls.certificate/,
  ],
  ["http:\n  zzzzzz: 1\n", "config.yml:2", /^http.zzzzzz/, /addr/],
  [
    "proxy:\n  remoteurl: https://registry-1.docker.io\n",
    "config.yml:2",
    /not yet fetch from other registries/,
    undefined,
  ],
  ["proxy: {on: true}\n", "config.yml:1", /not yet fetch/, undefined],
  ["storage:\n  s3: {bucket: b}\n", "config.yml:2", /only storage.filesystem/, undefined],
  ["auth:\n  token: {realm: x}\n", "config.yml:2", /only auth.htpasswd/, undefined],
  ["auth:\n  htpasswd: {realm: x}\n", "config.yml:2", /no path/, undefined],
  ["auth:\n  htpasswd: {path: /p, anonymous: push}\n", "config.yml:2", /none or pull/, undefined],
  ["auth:\n  htpasswd: {path: /p, realm: 'a\"b'}\n", "config.yml:2", /realm/, undefined],
  ["storage:\n  delete: {enabled: yes please}\n", "config.yml:2", /true or false/, undefined],
  ["http:\n  addr: five\n", "config.yml:2", /5000/, undefined],
  ["http:\n  addr: ':99999'\n", "config.yml:2", /5000/, undefined],
  ["http:\n  tls: {key: k}\n", "config.yml:2", /no certificate/, undefined],
  ["http:\n  headers: {'bad name': [x]}\n", "config.yml:2", /lists of texts/, undefined],
  ["http: 5\n", "config.yml:1", /group of keys/, undefined],
  ["health:\n  storagedriver: {enabled: true, interval: soon}\n", "config.yml:2", /10s/, undefined],
  ["version: 0.2\n", "config.yml:1", /0\.1/, undefined],
  ["log: {level: loud}\n", "config.yml:1", /error, warn, info or debug/, undefined],
  ["- 1\n", "config.yml:1", /group of keys/, undefined],
] as const) {
  test(`refuses ${JSON.stringify(text.slice(0, 50))}`, () => {
    assert.throws(
      () => parseRegistryConfig(text, "config.yml"),
      (error) => {
        assert.ok(error instanceof SealerError);
        assert.deepEqual([error.code, error.where], ["CONFIG_INVALID", where]);
        assert.match(error.message, message);
        if (hint) assert.match(error.hint ?? "", hint);
        return true;
      },
    );
  });
}

test("names the variable whose value is wrong", () => {
  for (const [name, value] of [
    ["REGISTRY_HTTP_ADDR", "five"],
    ["REGISTRY_STORAGE_DELETE_ENABLED", "maybe"],
    ["REGISTRY_AUTH", "silly"],
  ] as const) {
    assert.throws(() => parseRegistryConfig("", "config.yml", { [name]: value }), {
      code: "CONFIG_INVALID",
      where: name,
    });
  }
});
