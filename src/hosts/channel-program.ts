import type { ClientChannel } from "ssh2";
import type { ProgramEnd, RunningProgram } from "./launcher.ts";
import { signalNumber } from "./signal-number.ts";
import { connectionBroke } from "./ssh-errors.ts";

/**
 * The program behind an exec channel. Made as soon as the channel is there: its end may stand in the same packet.
 * @param broken why the connection broke, if it did
 */
export function channelProgram(
  channel: ClientChannel,
  host: string,
  broken: () => Error | undefined,
): RunningProgram {
  return {
    stdin: channel,
    stdout: channel,
    stderr: channel.stderr,
    ended: endOf(channel, host, broken),
    stop() {
      try {
        channel.signal("TERM");
      } catch {
        // A connection that is gone has nothing to stop.
      }
      channel.close();
    },
  };
}

/** How long a program's output may stay open and silent after its end, held by something that it left in the background. */
const patience = 1000;

function endOf(channel: ClientChannel, host: string, broken: () => Error | undefined): Promise<ProgramEnd> {
  return new Promise((resolve, reject) => {
    let end: ProgramEnd | undefined;
    let timer: NodeJS.Timeout | undefined;
    const hurry = () => {
      clearTimeout(timer);
      timer = setTimeout(() => channel.close(), patience);
    };
    channel.on("exit", (code: number | null, signal?: string) => {
      end = code === null ? { exitCode: 128 + signalNumber(signal), signal } : { exitCode: code };
      // Only later: a listener for data sets the stream going, and its reader may not be there yet.
      timer = setTimeout(() => {
        channel.on("data", hurry);
        channel.stderr.on("data", hurry);
        hurry();
      }, patience);
    });
    channel.on("close", () => {
      clearTimeout(timer);
      const why = broken();
      if (end && !why) resolve(end);
      else reject(connectionBroke(host, why ?? new Error("the host did not say how it ended")));
    });
  });
}
