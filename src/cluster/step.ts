import type { Descriptor, Digest } from "#oci";

/** What a step does, with all that it depends on: the digest of this is the step's inputs. */
export type StepWork =
  | { readonly kind: "install-key"; readonly publicKey: string }
  | { readonly kind: "write-hosts-file"; readonly lines: readonly string[] }
  | { readonly kind: "send-rootfs"; readonly layers: readonly RootfsLayer[]; readonly unzstd: boolean }
  | {
      readonly kind: "init-host";
      readonly rootfs: string;
      readonly settings: Readonly<Record<string, string>>;
    }
  | { readonly kind: "start-registry"; readonly rootfs: string; readonly settings: RegistrySettings }
  | {
      readonly kind: "push-images";
      readonly images: readonly PushedImage[];
      readonly archives: readonly string[];
    }
  | { readonly kind: "pull-images"; readonly role: "master" | "node"; readonly version: string }
  | { readonly kind: "kubeadm-init" }
  | { readonly kind: "fetch-access" }
  /** `rejoin`: an earlier attempt may have left a node, or a member of etcd, of that name. */
  | { readonly kind: "join-master"; readonly node: string; readonly rejoin: boolean }
  | { readonly kind: "join-node"; readonly node: string; readonly rejoin: boolean }
  | { readonly kind: "wait-ready"; readonly nodes: readonly string[] }
  | {
      readonly kind: "run-command";
      readonly command: string;
      readonly env: Readonly<Record<string, string>>;
    };

export interface StepFrame {
  /** Unique in the plan, and the name of the receipt on its host: `init-host@10.0.0.1`. */
  readonly id: string;
  readonly title: string;
  readonly host: string;
  /** Ids of the steps that must be done before. */
  readonly needs: readonly string[];
  /** `sha256:` of what it does. */
  readonly inputs: string;
  /** That travel to the host; 0 where that is nothing to speak of. */
  readonly bytes: number;
  /** Why the step is to be done: `not done yet`, `docker is not running`. */
  readonly why: string;
  /** The receipt that was there when the plan was made: another one means that somebody has done it meanwhile. */
  readonly seen: string;
}

export type Step = StepFrame & StepWork;
export type StepKind = StepWork["kind"];
export type StepOf<Kind extends StepKind> = StepFrame & Extract<StepWork, { kind: Kind }>;

/** A layer as it lies in the store, and what it is once decompressed. */
export interface RootfsLayer {
  readonly descriptor: Descriptor;
  /** Digest of the uncompressed tar. */
  readonly diffId: Digest;
}

export interface PushedImage {
  /** What pods call it: `k8s.gcr.io/pause:3.2`. */
  readonly reference: string;
  /** Its folder in the registry: `k8s.gcr.io/pause`. */
  readonly repository: string;
  /** A tag, or a digest where the reference has no tag. */
  readonly tag: string;
  readonly descriptor: Descriptor;
  /** Manifests out of an index that the ClusterImage holds; others of it are left out. */
  readonly held: readonly Digest[];
  /** The index itself, where it was made here: base64. */
  readonly made?: string | undefined;
}

export interface RegistrySettings {
  readonly domain: string;
  readonly port: number;
  readonly username: string;
  /** Whether nodes must log in to pull, too. */
  readonly closed: boolean;
  /** Of the CA that nodes trust it by. */
  readonly caDigest: string;
  /** Of the certificate and the login, so that a new one restarts the registry. */
  readonly secretsDigest: string;
}
