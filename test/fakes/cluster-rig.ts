import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Blueprint, type Connect, Connections, type RunClusterOptions } from "#cluster";
import { clusterFromFlags } from "#clusterfile";
import { SealerError } from "#errors";
import { dialTcp, type Host, PosixHost } from "#hosts";
import type { ProgressEvent } from "#progress";
import { imageScripts, kubernetesPrograms } from "./kubernetes-programs.ts";
import { NamespaceHosts } from "./namespace-hosts.ts";
import { type HostPlace, NamespaceLauncher } from "./namespace-launcher.ts";
import { QuickHost } from "./quick-host.ts";
import { blueprintOf } from "./test-blueprint.ts";

/** Hosts, an image and a home folder: all that a run needs. */
export class ClusterRig implements AsyncDisposable {
  readonly hosts: NamespaceHosts;
  readonly home: string;
  readonly events: ProgressEvent[] = [];
  readonly #masters: readonly string[];
  readonly #nodes: readonly string[];
  /** Addresses that cannot be reached. */
  readonly down = new Set<string>();
  readonly connect: Connect;

  /** @param enter `lookForReal` where the commands that look are to run too */
  static async make(
    masters: readonly string[],
    nodes: readonly string[],
    enter?: Enter,
  ): Promise<ClusterRig> {
    const hosts = await NamespaceHosts.create([...masters, ...nodes], kubernetesPrograms);
    await writeFile(join(hosts.folder, "shared", "ca.crt"), testCa);
    const home = await mkdtemp(join(tmpdir(), "sealer-home-"));
    return new ClusterRig(hosts, home, masters, nodes, enter);
  }

  private constructor(
    hosts: NamespaceHosts,
    home: string,
    masters: readonly string[],
    nodes: readonly string[],
    enter: Enter | undefined,
  ) {
    this.connect = connectInNamespaces(hosts.hosts, this.down, enter);
    this.hosts = hosts;
    this.home = home;
    this.#masters = masters;
    this.#nodes = nodes;
  }

  async options(
    change: Partial<RunClusterOptions> = {},
    image: {
      readonly files?: readonly Readonly<Record<string, string>>[];
      readonly says?: Partial<Blueprint>;
    } = {},
  ): Promise<RunClusterOptions> {
    const { blueprint, content } = await blueprintOf(image.files ?? [imageScripts], image.says);
    return {
      desired: this.desired(),
      blueprint,
      content,
      home: this.home,
      login: { password: "secret" },
      ownKey: true,
      operator: { user: "tester", machine: "here", pid: process.pid },
      dial: dialTcp,
      connect: this.connect,
      progress: (event) => void this.events.push(event),
      readyDeadline: 20_000,
      ...change,
    };
  }

  desired(masters = this.#masters, nodes = this.#nodes) {
    const list = (addresses: readonly string[]) => addresses.map((address) => ({ address }));
    return clusterFromFlags({
      name: "mine",
      image: "kubernetes:v1.20.2",
      masters: list(masters),
      nodes: list(nodes),
      user: "root",
      port: 22,
      env: [],
      cmdArgs: [],
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.hosts[Symbol.asyncDispose]();
    await rm(this.home, { recursive: true, force: true });
  }
}

/** How a host in namespaces is entered. */
type Enter = (place: HostPlace) => Host;

const lookQuickly: Enter = (place) => new QuickHost(place);

/** Each look is a command on the host, as over SSH. */
export const lookForReal: Enter = (place) => new PosixHost(new NamespaceLauncher(place));

/** Connects by entering the namespaces; the key that a step installs makes the difference as over SSH. */
export function connectInNamespaces(
  places: readonly HostPlace[],
  down: ReadonlySet<string>,
  enter: Enter = lookQuickly,
): Connect {
  const entered = new Map(places.map((place) => [place.address, enter(place)]));
  return async (hosts, { ownKey, home, login }) => {
    const connected = new Map();
    const failed = new Map<string, unknown>();
    const key = ownKey ? (await home.sshKey()).publicKey.split(" ")[1] : undefined;
    for (const { address } of hosts) {
      const host = entered.get(address);
      if (!host || down.has(address)) {
        failed.set(
          address,
          new SealerError("HOST_UNREACHABLE", `${address}: connection refused`, { where: address }),
        );
        continue;
      }
      const keys = (await host.readFile("/root/.ssh/authorized_keys"))?.toString() ?? "";
      const byClusterKey = key !== undefined && keys.includes(key);
      if (byClusterKey || login.password !== undefined) connected.set(address, { host, byClusterKey });
      else
        failed.set(
          address,
          new SealerError("HOST_LOGIN_REFUSED", `${address}: tried key`, { where: address }),
        );
    }
    return new Connections(connected, failed);
  };
}

/** A certificate like kubeadm's CA; nobody has its key any more. */
const testCa = `-----BEGIN CERTIFICATE-----
MIIBgTCCASegAwIBAgIUXpXLh/Uj6bTJhX7fbep4o8YtT5owCgYIKoZIzj0EAwIw
FTETMBEGA1UEAwwKa3ViZXJuZXRlczAgFw0yNjExMjExOTQyMDBaGA8yMTI2MTAy
ODE5NDIwMFowFTETMBEGA1UEAwwKa3ViZXJuZXRlczBZMBMGByqGSM49AgEGCCqG
SM49AwEHA0IABLyzg8zyoOe6kKQmm/3gsQ7uzmTcgggMic4tXaRO6o6LutoBuBKk
OHU4j/Q5ib/mnIg/u2UkT/5wl9z9RrFoF8qjUzBRMB0GA1UdDgQWBBTtLqayGTRS
I9hIkqX+xtBxAYErrDAfBgNVHSMEGDAWgBTtLqayGTRSI9hIkqX+xtBxAYErrDAP
BgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIEh/pvbepWmQ1rYRoGiU
tXi9hvM4Ln9TzpubLaLWNpl2AiEA1fqZywB0/GOtUSAVNNTwlodjTDHcb+QXehr+
cZloQB4=
-----END CERTIFICATE-----
`;
