import { Duplex } from "node:stream";
import type { Channel } from "ssh2";

/** A forwarded channel with the manners of a socket, so that HTTP and TLS can use it. */
export function channelStream(channel: Channel): Duplex {
  return new ChannelStream(channel);
}

class ChannelStream extends Duplex {
  readonly #channel: Channel;

  constructor(channel: Channel) {
    super({ allowHalfOpen: true });
    this.#channel = channel;
    channel.on("data", (chunk: Buffer) => {
      if (!this.push(chunk)) channel.pause();
    });
    channel.on("end", () => this.push(null));
    channel.on("error", (error: Error) => this.destroy(error));
    channel.on("close", () => this.#closed());
  }

  override _read(): void {
    this.#channel.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    if (!this.#channel.writable) done(new Error("the connection through the host was closed"));
    else if (this.#channel.write(chunk)) done();
    else this.#channel.once("drain", () => done());
  }

  override _final(done: () => void): void {
    this.#channel.end();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#channel.close();
    done(error);
  }

  /** What a socket can be told and a channel need not. */
  setNoDelay(): this {
    return this;
  }
  setKeepAlive(): this {
    return this;
  }
  setTimeout(): this {
    return this;
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }

  #closed(): void {
    if (this.writableFinished || this.destroyed) {
      if (this.readableEnded) this.destroy();
    } else if (!this.writableEnded) this.end();
    else this.destroy(new Error("the connection through the host was closed"));
  }
}
