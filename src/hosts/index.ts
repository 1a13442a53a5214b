export {
  type CommandResult,
  type FileStat,
  type Host,
  type HostView,
  type LookingProgram,
  lookingPrograms,
  type RunOptions,
} from "./host.ts";
