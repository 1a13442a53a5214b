import { SealerError } from "#errors";
import type { Login } from "./login.ts";
import { messageText } from "./message-text.ts";

/** A host that cannot be reached, or hangs up before the login. */
export function dialFailed(host: string, error: unknown, timedOut: boolean, timeout: number): SealerError {
  if (error instanceof SealerError) return error;
  const { why, hint } = reason(error as NodeJS.ErrnoException, timedOut, timeout);
  return new SealerError("HOST_UNREACHABLE", `${host} cannot be reached over SSH: ${why}`, {
    where: host,
    hint,
    cause: error,
  });
}

function reason(
  error: NodeJS.ErrnoException,
  timedOut: boolean,
  timeout: number,
): { why: string; hint: string } {
  if (timedOut || error.code === "ETIMEDOUT") {
    return {
      why: `no answer within ${Math.round(timeout / 1000)} seconds`,
      hint: "Is the host running, is the address right, and does a firewall let SSH through?",
    };
  }
  switch (error.code) {
    case "ECONNREFUSED":
      return {
        why: "connection refused",
        hint: "The host is up, but nothing listens there. Is sshd running, on this port?",
      };
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return {
        why: "no route to host",
        hint: "Is the host running, and is its network reachable from here?",
      };
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return { why: "its name cannot be resolved", hint: "Name hosts by their addresses." };
    default:
      return {
        why: messageText(error.message),
        hint: "Try ssh to it by hand; the host's sshd log says more.",
      };
  }
}

export function connectionBroke(host: string, error: Error): SealerError {
  return new SealerError(
    "HOST_UNREACHABLE",
    `The connection to ${host} broke before the command had ended: ${messageText(error.message)}`,
    {
      where: host,
      hint: "The command may still be running there. Run the same sealer command again to go on.",
      cause: error,
    },
  );
}

export function connectionFailed(host: string, target: string, error: Error): SealerError {
  return new SealerError(
    "HOST_UNREACHABLE",
    `${host} cannot connect to ${target}: ${messageText(error.message)}`,
    {
      where: host,
      hint: "Is something listening there, and does the host's sshd allow forwarding (AllowTcpForwarding)?",
      cause: error,
    },
  );
}

export function loginRefused(host: string, user: string, login: Login, error: Error): SealerError {
  const tried = login.tried.filter((way) => way !== "none");
  const takes = login.offered?.map((way) => (way === "publickey" ? "key" : way)).join(", ");
  const what =
    tried.length > 0 ? `refused ${tried.join(", then ")}` : "was given neither a password nor a key";
  return new SealerError(
    "HOST_LOGIN_REFUSED",
    `${host} did not let ${user} in: it ${what}${takes ? `; it takes ${takes}` : ""}`,
    {
      where: host,
      hint: "Check the user (-u), the password (-p) and the key (--pk); root may need PermitRootLogin there.",
      cause: error,
    },
  );
}

export function noSecureAlgorithm(host: string, error: Error): SealerError {
  return new SealerError(
    "HOST_UNFIT",
    `${host} offers only SSH algorithms that are no longer safe (${messageText(error.message)})`,
    {
      where: host,
      hint: "Update its SSH server: SHA-1, ssh-rsa signatures and CBC ciphers are refused.",
      cause: error,
    },
  );
}
