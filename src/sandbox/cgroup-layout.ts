/** How this machine's cgroups are mounted and where we stand in them. */
export interface CgroupLayout {
  readonly kind: "v1" | "hybrid" | "v2";
  readonly hierarchies: readonly CgroupHierarchy[];
}

export interface CgroupHierarchy {
  /** `cpu,cpuacct`; `name=systemd`; empty for version 2. */
  readonly controllers: string;
  readonly mountPoint: string;
  /** The folder below which a host gets its own cgroup. */
  readonly parent: string;
}

/**
 * Reads `/proc/self/cgroup` and `/proc/self/mountinfo`. In a version 1 controller a host goes below the cgroup that we
 * are in, so that limits set on us hold for it too. Below systemd's own hierarchy and in version 2 it goes to the top:
 * systemd would sweep it away with our session, and version 2 lets only the top have both processes and children
 * with controllers (cgroup-v2.rst, "No Internal Process Constraint").
 */
export function cgroupLayout(procSelfCgroup: string, mountinfo: string): CgroupLayout {
  const mounts = cgroupMounts(mountinfo);
  const hierarchies = procSelfCgroup
    .split("\n")
    .filter(Boolean)
    .flatMap((line): CgroupHierarchy[] => {
      const [, controllers = "", path = "/"] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
      const mount = mounts.find((candidate) => mountHolds(candidate, controllers));
      if (!mount) return [];
      const { mountPoint } = mount;
      const ours = controllers === "" || controllers.startsWith("name=") ? "" : below(mount.root, path);
      return [{ controllers, mountPoint, parent: mountPoint + ours }];
    });
  const unified = hierarchies.some(({ controllers }) => controllers === "");
  const separate = hierarchies.some(({ controllers }) => controllers !== "");
  return { kind: unified && separate ? "hybrid" : unified ? "v2" : "v1", hierarchies };
}

interface CgroupMount {
  readonly version: 1 | 2;
  /** The cgroup that is seen at the mount point. */
  readonly root: string;
  readonly mountPoint: string;
  readonly options: readonly string[];
}

/** proc_pid_mountinfo(5): `id parent major:minor root mountpoint options [tags] - type source superoptions`. */
function cgroupMounts(mountinfo: string): CgroupMount[] {
  return mountinfo.split("\n").flatMap((line) => {
    const [before = "", after = ""] = line.split(" - ");
    const [type = "", , options = ""] = after.split(" ");
    const [, , , root = "/", mountPoint = "/"] = before.split(" ");
    if (type !== "cgroup" && type !== "cgroup2") return [];
    return [{ version: type === "cgroup" ? 1 : 2, root, mountPoint, options: options.split(",") }];
  });
}

function mountHolds(mount: CgroupMount, controllers: string): boolean {
  if (controllers === "") return mount.version === 2;
  return mount.version === 1 && controllers.split(",").every((name) => mount.options.includes(name));
}

function below(root: string, path: string): string {
  const inside = root !== "/" && path.startsWith(root) ? path.slice(root.length) : path;
  return inside === "/" || inside.startsWith("/..") ? "" : inside;
}
