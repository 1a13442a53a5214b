import type { LookingProgram } from "./host.ts";

/**
 * The exact command behind a looking program. Arguments come after a fixed beginning that cannot change anything; where
 * a program could be told by its arguments to change something, those arguments are refused.
 */
export function lookingCommand([program, ...args]: readonly [LookingProgram, ...string[]]): string[] {
  switch (program) {
    case "cat":
    case "sha256sum":
      return [program, "--", ...args];
    case "command-exists":
      return ["bash", "-c", 'command -v -- "$@"', "command-exists", ...args];
    case "date":
      return [program, ...only(program, args, /^(\+.*|-u|--utc|-Is|--iso-8601=\w+)$/s)];
    case "hostname":
      return [
        program,
        ...only(program, args, /^(-[fsidI]|--(fqdn|short|ip-address|domain|all-ip-addresses))$/),
      ];
    case "df":
    case "findmnt":
    case "getent":
    case "id":
    case "nproc":
    case "uname":
      return [program, ...args];
    case "ip-address":
      return ["ip", "-o", "address", "show", ...args];
    case "ip-route":
      return ["ip", "-o", "route", "show", ...args];
    case "ip-route-get":
      return ["ip", "-o", "route", "get", ...args];
    case "listening-ports":
      return ["ss", "-Hlntu", ...only(program, args, /^-[46p]$/)];
    case "systemctl-is-active":
      return ["systemctl", "is-active", "--", ...args];
    case "systemctl-is-enabled":
      return ["systemctl", "is-enabled", "--", ...args];
    case "systemctl-show":
      return ["systemctl", "show", ...args];
    case "kubectl-get":
      return ["kubectl", "get", ...args];
    case "docker-inspect":
      return ["docker", "inspect", ...args];
    case "crictl-images":
      return ["crictl", "images", ...args];
  }
}

function only(program: string, args: readonly string[], allowed: RegExp): readonly string[] {
  const refused = args.find((arg) => !allowed.test(arg));
  if (refused !== undefined) throw new Error(`"${program} ${refused}" does more than look`);
  return args;
}
