import { spawn } from "node:child_process";
import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { SealerError } from "#errors";

export interface RunOptions {
  /** Unpacked layers, the lowest first. */
  readonly layerDirs: readonly string[];
  /** An empty folder on a file system that overlay can write to; what changes is then in its folder `upper`. */
  readonly workDir: string;
  /** A text for `/bin/sh -c`, or a program with its arguments. */
  readonly command: string | readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly network: "default" | "none";
  readonly onLine: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/** How a command ended, with the last lines that it printed. */
export interface RunOutcome {
  readonly exitCode: number;
  readonly lastLines: readonly string[];
}

/** The path of the rootfs inside of a RUN; its working folder. */
const rootfs = "/rootfs";

/**
 * Runs a command in the merged rootfs of layers: in mount, pid, uts and ipc namespaces of its own, with programs and
 * libraries of this machine, read-only, and nothing else of it. Needs root.
 */
export async function runCommand(options: RunOptions): Promise<RunOutcome> {
  const { layerDirs, workDir, command, network, signal } = options;
  for (const name of ["upper", "work", "merged", "new", "layers"]) await mkdir(join(workDir, name));
  for (const [position, folder] of layerDirs.entries()) {
    await symlink(folder, join(workDir, "layers", String(position)));
  }
  const lower = layerDirs.map((_, position) => String(position)).reverse();
  const namespaces = ["--mount", "--pid", "--fork", "--kill-child=SIGKILL", "--uts", "--ipc"];
  const argv = [
    ...namespaces,
    ...(network === "none" ? ["--net"] : []),
    "/bin/sh",
    "-eu",
    "-c",
    setUp,
    "sealer-run",
    lower.length > 0 ? lower.join(":") : "empty",
    ...(typeof command === "string" ? ["/bin/sh", "-c", command] : command),
  ];
  if (lower.length === 0) await mkdir(join(workDir, "layers", "empty"));
  return watch(spawnUnshare(argv, workDir, environment(options.env)), options.onLine, signal);
}

/**
 * The lower folders go by short names relative to `layers`: all mount options must fit one page. The new root is
 * read-only once it stands, so that a RUN that writes to /etc fails instead of losing what it wrote.
 */
const setUp = `
lower=$1; shift
work=$(pwd)
cd layers
mount -t overlay sealer-run -o "redirect_dir=off,metacopy=off,index=off,lowerdir=$lower,upperdir=../upper,workdir=../work" ../merged
cd ..
mount -t tmpfs -o mode=0755,size=4m sealer-run new
cd new
mkdir dev etc old proc tmp ${rootfs.slice(1)} var
for name in bin sbin usr lib lib32 lib64 libx32 etc/ssl etc/pki etc/ca-certificates etc/alternatives etc/crypto-policies; do
  if [ -L "/$name" ]; then cp -P "/$name" "$name"
  elif [ -d "/$name" ]; then mkdir "$name"; mount --bind -o ro "/$name" "$name"; fi
done
for name in resolv.conf hosts nsswitch.conf passwd group ld.so.cache host.conf gai.conf; do
  if [ -f "/etc/$name" ]; then : > "etc/$name"; mount --bind -o ro "/etc/$name" "etc/$name"; fi
done
for name in null zero full random urandom; do : > "dev/$name"; mount --bind "/dev/$name" "dev/$name"; done
ln -s /proc/self/fd dev/fd; ln -s /proc/self/fd/0 dev/stdin; ln -s /proc/self/fd/1 dev/stdout; ln -s /proc/self/fd/2 dev/stderr
mount -t proc -o nosuid,nodev,noexec proc proc
mount -t tmpfs -o mode=1777 sealer-run tmp
ln -s ../tmp var/tmp
mount --bind "$work/merged" ${rootfs.slice(1)}
pivot_root . old
umount -l /old
rmdir /old
mount -o remount,ro /
if [ -e /sys/class/net ] || command -v ip >/dev/null 2>&1; then ip link set lo up >/dev/null 2>&1 || :; fi
cd ${rootfs}
umask 022
unset OLDPWD
exec setpriv --inh-caps=-all --bounding-set=-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,+net_bind_service,+net_raw,+sys_chroot,+mknod,+setfcap "$@"
`;

const machinePath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Programs of the rootfs come after those of the machine. */
function environment(env: Readonly<Record<string, string>>): Record<string, string> {
  return { HOME: "/tmp", LANG: "C.UTF-8", ...env, PATH: `${env.PATH ?? machinePath}:${rootfs}/bin` };
}

function spawnUnshare(argv: readonly string[], cwd: string, env: Record<string, string>) {
  return spawn("unshare", argv, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
}

async function watch(
  child: ReturnType<typeof spawnUnshare>,
  onLine: (line: string) => void,
  signal: AbortSignal | undefined,
): Promise<RunOutcome> {
  const lastLines: string[] = [];
  const take = (line: string) => {
    lastLines.push(line);
    if (lastLines.length > 20) lastLines.shift();
    onLine(line);
  };
  const stop = () => child.kill("SIGKILL");
  signal?.addEventListener("abort", stop, { once: true });
  try {
    if (signal?.aborted) stop();
    const ended = new Promise<number>((resolve, reject) => {
      child.once("error", (cause) => reject(cannotStart(cause)));
      child.once("close", (code, killedBy) => resolve(code ?? (killedBy ? 137 : 1)));
    });
    const [exitCode] = await Promise.all([ended, eachLine(child.stdout, take), eachLine(child.stderr, take)]);
    signal?.throwIfAborted();
    return { exitCode, lastLines };
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

async function eachLine(stream: Readable, take: (line: string) => void): Promise<void> {
  for await (const line of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }))
    take(line);
}

function cannotStart(cause: Error): SealerError {
  return new SealerError("FILE_NOT_FOUND", `cannot start unshare: ${cause.message}`, {
    hint: "RUN needs Linux with util-linux installed.",
    cause,
  });
}
