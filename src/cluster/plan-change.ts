import { type DesiredCluster, type DesiredHost, masterZeroOf } from "#clusterfile";
import { digestOf } from "#oci";
import type { Blueprint } from "./blueprint.ts";
import { byReceipt, type Draft, draft, idOf, notYet, stepOf } from "./draft.ts";
import { platformOf } from "./find-unfit.ts";
import { markOf } from "./host-paths.ts";
import { hasHostsLines, hostsLines } from "./hosts-lines.ts";
import { type Membership, membershipOf, nodeNameOf } from "./membership.ts";
import type { ObservedCluster, ObservedHost } from "./observed-cluster.ts";
import type { RegistrySettings, RootfsLayer, Step, StepWork } from "./step.ts";

/** The steps that take the observed cluster to the desired one. */
export interface Plan {
  readonly cluster: string;
  readonly image: string;
  /** In an order in which needs come first. */
  readonly steps: readonly Step[];
  /** Ids of steps that are done and still true; they are not among `steps`. */
  readonly done: readonly string[];
}

export interface PlanFacts {
  readonly desired: DesiredCluster;
  readonly blueprint: Blueprint;
  readonly observed: ObservedCluster;
  /** The cluster's own SSH key; undefined where none is to be installed. */
  readonly publicKey: string | undefined;
  readonly registry: RegistrySettings;
}

/**
 * Decides what there is to do. Pure: the same facts give the same plan.
 * @throws CLUSTER_NOT_READY where going on would break a node that serves
 */
export function planChange(facts: PlanFacts): Plan {
  const members = membershipOf(facts.desired, facts.observed);
  const drafts = [
    ...facts.desired.hosts.flatMap((wanted) => prepareHost(wanted, facts, members)),
    ...registry(facts),
    ...controlPlane(facts, members),
    ...joins(facts, members),
    ...launch(facts, members),
  ];
  const decided = drafts.map((draft) => ({ step: stepOf(draft), draft }));
  return {
    cluster: facts.desired.name,
    image: facts.desired.image,
    steps: decided.filter(({ draft }) => draft.why !== undefined).map(({ step }) => step),
    done: decided.filter(({ draft }) => draft.why === undefined).map(({ step }) => step.id),
  };
}

function prepareHost(
  wanted: DesiredHost,
  { desired, blueprint, observed, publicKey, registry }: PlanFacts,
  members: ReadonlyMap<string, Membership>,
): Draft[] {
  const { address } = wanted;
  const host = hostOf(observed, address);
  const platform = platformOf(blueprint, host);
  if (!platform) throw new Error(`${address} was to be checked for its platform before`);
  const isMember = members.get(address) === "member";
  const lines = hostsLines(wanted, {
    hosts: desired.hosts,
    names: new Map([...observed.hosts].map(([key, { hostname }]) => [key, hostname])),
    masterZero: masterZeroOf(desired).address,
    domain: registry.domain,
    isMember,
  });
  const layers = platform.layers;
  const init: StepWork = {
    kind: "init-host",
    rootfs: rootfsDigest(layers),
    settings: {
      ...desired.env,
      domain: registry.domain,
      port: String(registry.port),
      ca: registry.caDigest,
    },
  };
  const send: StepWork = {
    kind: "send-rootfs",
    layers,
    unzstd: !host.programs.has("zstd") && platform.hasUnzstd,
  };
  return [
    ...(publicKey === undefined
      ? []
      : [
          draft(host, { kind: "install-key", publicKey }, "Install the cluster's SSH key", {
            why: host.byClusterKey ? undefined : notYet,
          }),
        ]),
    draft(host, { kind: "write-hosts-file", lines }, "Write names into /etc/hosts", {
      why: hasHostsLines(host.hostsFile, lines, markOf(desired.name)) ? undefined : "its lines are not those",
    }),
    draft(host, send, "Send the rootfs", {
      bytes: layers.reduce((sum, { descriptor }) => sum + descriptor.size, 0),
      why: byReceipt(host, send, rootfsDoubt(host)),
    }),
    draft(host, init, "Prepare the host", {
      needs: [idOf("send-rootfs", address), idOf("write-hosts-file", address)],
      why: byReceipt(host, init, rootfsDoubt(host) ?? runtimeDoubt(host, blueprint)),
    }),
  ];
}

function registry({ desired, blueprint, observed, registry }: PlanFacts): Draft[] {
  const { address } = masterZeroOf(desired);
  const host = hostOf(observed, address);
  const start: StepWork = {
    kind: "start-registry",
    rootfs: rootfsDigest(platformOf(blueprint, host)?.layers ?? []),
    settings: registry,
  };
  const push = { kind: "push-images", images: blueprint.images, archives: blueprint.archives } as const;
  return [
    draft(host, start, "Start the registry", {
      needs: [idOf("init-host", address)],
      why: byReceipt(
        host,
        start,
        rootfsDoubt(host) ??
          (host.listening.has(registry.port) ? undefined : `nothing listens on port ${registry.port}`),
      ),
    }),
    ...(push.images.length + push.archives.length === 0
      ? []
      : [
          draft(host, push, "Push the images into the registry", {
            needs: [idOf("start-registry", address)],
            bytes: blueprint.imageBytes,
            why: byReceipt(host, push, host.hasRegistryData ? undefined : "the registry's data are gone"),
          }),
        ]),
  ];
}

function controlPlane(facts: PlanFacts, members: ReadonlyMap<string, Membership>): Draft[] {
  const { desired, observed } = facts;
  const { address } = masterZeroOf(desired);
  const host = hostOf(observed, address);
  const isMember = members.get(address) === "member";
  return [
    pullImages(facts, masterZeroOf(desired), members),
    draft(host, { kind: "kubeadm-init" }, "Start the control plane", {
      needs: [idOf("pull-images", address)],
      why: isMember ? undefined : members.get(address) === "half" ? halfWay : notYet,
    }),
    draft(host, { kind: "fetch-access" }, "Fetch the cluster's kubeconfig", {
      needs: [idOf("kubeadm-init", address)],
      why: isMember && observed.hasAccess ? undefined : notYet,
    }),
  ];
}

/** Masters one after the other, for etcd takes one new member at a time; nodes all at once. */
function joins(facts: PlanFacts, members: ReadonlyMap<string, Membership>): Draft[] {
  const zero = masterZeroOf(facts.desired);
  const others = facts.desired.hosts.filter(({ address }) => address !== zero.address);
  const masters = others.filter(({ roles }) => roles.includes("master"));
  return others.flatMap((wanted) => {
    const host = hostOf(facts.observed, wanted.address);
    const membership = members.get(wanted.address);
    const isMaster = wanted.roles.includes("master");
    const before = masters[masters.indexOf(wanted) - 1];
    const node = nodeNameOf(host);
    const rejoin = membership === "half" || (facts.observed.nodes ?? []).some(({ name }) => name === node);
    return [
      pullImages(facts, wanted, members),
      draft(
        host,
        { kind: isMaster ? "join-master" : "join-node", node, rejoin },
        isMaster ? "Join as a master" : "Join as a node",
        {
          needs: [
            idOf("pull-images", wanted.address),
            idOf("kubeadm-init", zero.address),
            ...(isMaster && before ? [idOf("join-master", before.address)] : []),
          ],
          why: membership === "member" ? undefined : membership === "half" ? halfWay : notYet,
        },
      ),
    ];
  });
}

function pullImages(
  { observed, blueprint, desired }: PlanFacts,
  wanted: DesiredHost,
  members: ReadonlyMap<string, Membership>,
): Draft {
  const host = hostOf(observed, wanted.address);
  const role = wanted.roles.includes("master") ? "master" : "node";
  const work: StepWork = { kind: "pull-images", role, version: blueprint.version.text };
  return draft(host, work, "Pull Kubernetes' images", {
    needs: [
      idOf("init-host", wanted.address),
      idOf("push-images", masterZeroOf(desired).address),
      idOf("start-registry", masterZeroOf(desired).address),
    ],
    why: members.get(wanted.address) === "member" ? undefined : byReceipt(host, work, undefined),
  });
}

function launch(facts: PlanFacts, members: ReadonlyMap<string, Membership>): Draft[] {
  const { desired, blueprint, observed } = facts;
  const zero = hostOf(observed, masterZeroOf(desired).address);
  const names = desired.hosts.map(({ address }) => nodeNameOf(hostOf(observed, address)));
  const unready = names.filter((name) => !observed.nodes?.some((node) => node.name === name && node.ready));
  const everyoneIn = desired.hosts.every(({ address }) => members.get(address) === "member");
  const ready = draft(zero, { kind: "wait-ready", nodes: names }, "Wait until every node is Ready", {
    needs: desired.hosts.map(({ address, roles }) => {
      if (address === zero.address) return idOf("kubeadm-init", address);
      return idOf(roles.includes("master") ? "join-master" : "join-node", address);
    }),
    why:
      everyoneIn && unready.length === 0
        ? undefined
        : `${unready.join(", ") || "a node"} is not known to be Ready`,
  });
  const env = { ...blueprint.env, ...desired.env, ...desired.cmdArgs };
  const commands = blueprint.commands.map((command, position) => {
    const work: StepWork = { kind: "run-command", command, env };
    const name = `run-command-${position + 1}`;
    return draft(zero, work, `Run ${short(command)}`, {
      name,
      needs: [idOf(position === 0 ? "wait-ready" : `run-command-${position}`, zero.address)],
      why: byReceipt(zero, work, undefined, name),
    });
  });
  return [ready, ...commands];
}

const halfWay = "an earlier attempt stopped half-way";

/** With it go the certificates and logins that steps have written into it. */
function rootfsDoubt({ hasRootfs }: ObservedHost): string | undefined {
  return hasRootfs ? undefined : "the rootfs is gone";
}

function runtimeDoubt(host: ObservedHost, { runtime }: Blueprint): string | undefined {
  return host.active.has(runtime) ? undefined : `${runtime} is not running`;
}

function rootfsDigest(layers: readonly RootfsLayer[]): string {
  return digestOf(Buffer.from(layers.map(({ descriptor }) => descriptor.digest).join()));
}

function hostOf({ hosts }: ObservedCluster, address: string): ObservedHost {
  const host = hosts.get(address);
  if (!host) throw new Error(`${address} was not looked at`);
  return host;
}

function short(command: string): string {
  const line = command.trim().split("\n")[0] ?? "";
  return line.length <= 60 ? line : `${line.slice(0, 59)}…`;
}
