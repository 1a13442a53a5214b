import { table } from "#cli";
import type { Sandbox } from "#sandbox";

/** What `sandbox create` and `sandbox list` print as JSON. */
export function sandboxView(sandbox: Sandbox, showPassword: boolean) {
  const { name, subnet, hosts, user, password, privateKeyPath } = sandbox;
  return { name, subnet, hosts, user, privateKey: privateKeyPath, ...(showPassword ? { password } : {}) };
}

/** The same for people: a line a host. */
export function sandboxText(sandboxes: readonly Sandbox[], showPassword: boolean): string {
  const header = [
    "SANDBOX",
    "HOST",
    "ADDRESS",
    "STATE",
    "PRIVATE KEY",
    ...(showPassword ? ["PASSWORD"] : []),
  ];
  const rows = sandboxes.flatMap(({ name, hosts, password, privateKeyPath }) =>
    hosts.map((host) => {
      const fields = [name, host.name, host.address, host.state, privateKeyPath];
      return showPassword ? [...fields, password] : fields;
    }),
  );
  return table(header, rows);
}
