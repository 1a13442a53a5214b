import type { Socket } from "node:net";

/**
 * Destroys a socket that has not received anything for so many seconds. Seconds are counted by ticks of this process,
 * so that a pause of our own is not taken for the other side's silence.
 */
export function watchSilence(socket: Socket, seconds: number): () => void {
  let seen = -1;
  let silent = 0;
  const timer = setInterval(() => {
    silent = socket.bytesRead === seen ? silent + 1 : 0;
    seen = socket.bytesRead;
    if (silent < seconds) return;
    clearInterval(timer);
    socket.destroy(new Error(`no answer for ${seconds} seconds`));
  }, 1000);
  return () => clearInterval(timer);
}
