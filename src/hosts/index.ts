export { type AuthorizedKey, installAuthorizedKey, removeAuthorizedKey } from "./authorized-key.ts";
export { connectHost, type SshOptions } from "./connect-host.ts";
export { type Dial, dialTcp } from "./dial.ts";
export { type FakeCall, FakeHost, type FakeHostOptions, type FakeProgram } from "./fake-host.ts";
export { generateKeyPair } from "./generate-key-pair.ts";
export {
  type CommandResult,
  type FileStat,
  type Host,
  type HostView,
  type LookingProgram,
  lookingPrograms,
  type RunOptions,
  type WriteOptions,
} from "./host.ts";
export { HostCommandError } from "./host-command-error.ts";
export { KnownHosts } from "./known-hosts.ts";
export type { Launcher, RunningProgram } from "./launcher.ts";
export { LocalHost } from "./local-host.ts";
export { LocalLauncher } from "./local-launcher.ts";
export { type HostAddress, parseHostList } from "./parse-host-list.ts";
export { PosixHost } from "./posix-host.ts";
export { readPrivateKey } from "./private-key.ts";
export { runOrThrow } from "./run-or-throw.ts";
export { runScript, type ScriptOptions } from "./run-script.ts";
export { type SendOptions, sendStream } from "./send-stream.ts";
export { shellQuote } from "./shell-quote.ts";
export { checkVariables } from "./variables.ts";
export { writeHostFile } from "./write-host-file.ts";
