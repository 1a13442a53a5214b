import { LocalLauncher } from "./local-launcher.ts";
import { PosixHost } from "./posix-host.ts";

/** This machine. Where sealer does not run as root, commands go through sudo. */
export class LocalHost extends PosixHost {
  constructor({ sudoPassword }: { sudoPassword?: string | undefined } = {}) {
    super(new LocalLauncher("localhost"), { password: sudoPassword });
  }
}
