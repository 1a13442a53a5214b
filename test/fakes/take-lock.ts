import type { Host } from "#hosts";

/** The process id of the program that holds a host's lock; empty where none does. */
export async function lockHolder(host: Host): Promise<string> {
  const { stdout } = await host.run(["bash", "-c", find]);
  return stdout.trim().split("\n")[0] ?? "";
}

/** Takes a host's lock away from its holder, as the next one in the queue. @returns what gives it back */
export async function takeLock(host: Host, note: string): Promise<AsyncDisposable> {
  const holder = await lockHolder(host);
  const stop = new AbortController();
  const taken = Promise.withResolvers<void>();
  const holding = host
    .run(["bash", "-c", take, "take", holder, note], { signal: stop.signal, onLine: () => taken.resolve() })
    .catch(() => {});
  await taken.promise;
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await holding;
    },
  };
}

const find = `cd /proc; for p in [0-9]*; do
  if [ "$p/fd/9" -ef /run/sealer/host.lock ] 2>/dev/null; then echo "$p"; fi
done; true`;

const take = `
exec 8<>/run/sealer/host.lock
( while ! grep -q -- "-> FLOCK .*:$(stat -c %i /run/sealer/host.lock) " /proc/locks; do sleep 0.01; done; kill -9 "$1" ) 8>&- &
flock 8
echo "$2" > /run/sealer/host.lock
echo taken
sleep 60
`;
