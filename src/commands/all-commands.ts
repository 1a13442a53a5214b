import type { Command, CommandEntry } from "#cli";

export interface LoadableCommand extends CommandEntry {
  load(): Promise<Command>;
}

/** Every command, with the module that holds it: loaded only when it is called, so that starting stays quick. */
export const allCommands: readonly LoadableCommand[] = [
  {
    name: "build",
    summary: "Build a ClusterImage from a Kubefile",
    group: "Images",
    load: async () => (await import("./build.ts")).build,
  },
  {
    name: "images",
    summary: "List the images on this machine",
    group: "Images",
    load: async () => (await import("./images.ts")).images,
  },
  {
    name: "inspect",
    summary: "Show what is in an image",
    group: "Images",
    load: async () => (await import("./inspect.ts")).inspect,
  },
  {
    name: "history",
    summary: "Show the instructions that an image was built by",
    group: "Images",
    load: async () => (await import("./history.ts")).history,
  },
  {
    name: "tag",
    summary: "Give an image another name",
    group: "Images",
    load: async () => (await import("./tag.ts")).tag,
  },
  {
    name: "rmi",
    summary: "Remove images from this machine",
    group: "Images",
    load: async () => (await import("./rmi.ts")).rmi,
  },
  {
    name: "save",
    summary: "Write an image to an archive or a folder",
    group: "Images",
    load: async () => (await import("./save.ts")).save,
  },
  {
    name: "load",
    summary: "Bring images from an archive or a folder to this machine",
    group: "Images",
    load: async () => (await import("./load.ts")).load,
  },
  {
    name: "pull",
    summary: "Copy an image from a registry to this machine",
    group: "Images",
    load: async () => (await import("./pull.ts")).pull,
  },
  {
    name: "push",
    summary: "Copy an image from this machine to a registry",
    group: "Images",
    load: async () => (await import("./push.ts")).push,
  },
  {
    name: "prune",
    summary: "Delete what no image and no cluster needs",
    group: "Images",
    load: async () => (await import("./prune.ts")).prune,
  },
  {
    name: "run",
    summary: "Make a Kubernetes cluster of hosts, out of an image",
    group: "Clusters",
    load: async () => (await import("./run.ts")).run,
  },
  {
    name: "plan",
    summary: "Print what run would do, and change nothing",
    group: "Clusters",
    load: async () => (await import("./plan.ts")).plan,
  },
  {
    name: "status",
    summary: "Tell how a cluster's hosts are",
    group: "Clusters",
    load: async () => (await import("./status.ts")).status,
  },
  {
    name: "exec",
    summary: "Run a program as root on a cluster's hosts",
    group: "Clusters",
    load: async () => (await import("./exec.ts")).exec,
  },
  {
    name: "delete",
    summary: "Remove a cluster, or hosts from it",
    group: "Clusters",
    load: async () => (await import("./delete.ts")).deleteCommand,
  },
  {
    name: "sandbox create",
    summary: "Make hosts out of namespaces on this machine",
    group: "Sandbox hosts",
    load: async () => (await import("./sandbox-create.ts")).sandboxCreate,
  },
  {
    name: "sandbox list",
    summary: "List sandboxes and their hosts",
    group: "Sandbox hosts",
    load: async () => (await import("./sandbox-list.ts")).sandboxList,
  },
  {
    name: "sandbox exec",
    summary: "Run a program on a sandbox host, without SSH",
    group: "Sandbox hosts",
    load: async () => (await import("./sandbox-exec.ts")).sandboxExec,
  },
  {
    name: "sandbox start",
    summary: "Switch sandbox hosts on",
    group: "Sandbox hosts",
    load: async () => (await import("./sandbox-start.ts")).sandboxStart,
  },
  {
    name: "sandbox stop",
    summary: "Cut the power of sandbox hosts; their disks stay",
    group: "Sandbox hosts",
    load: async () => (await import("./sandbox-stop.ts")).sandboxStop,
  },
  {
    name: "sandbox delete",
    summary: "Remove sandboxes, with their hosts and disks",
    group: "Sandbox hosts",
    load: async () => (await import("./sandbox-delete.ts")).sandboxDelete,
  },
  {
    name: "sandbox check",
    summary: "Tell whether this machine can make sandbox hosts",
    group: "Sandbox hosts",
    load: async () => (await import("./sandbox-check.ts")).sandboxCheck,
  },
  {
    name: "registry serve",
    summary: "Serve container images from a folder, as a registry",
    group: "Registry",
    load: async () => (await import("./registry-serve.ts")).registryServe,
  },
  {
    name: "version",
    summary: "Print sealer's version",
    group: "Others",
    load: async () => (await import("./version.ts")).version,
  },
];
