import type { AnyAuthMethod, AuthenticationType, ParsedKey } from "ssh2";

/** The ways to log in that we have, in the order in which they are tried: key, password, keyboard-interactive. */
export class Login {
  readonly #ways: AnyAuthMethod[];
  /** Ways that were sent to the host. */
  readonly tried: string[] = [];
  /** Ways that the host takes, as it last said; undefined when it never said. */
  offered: readonly string[] | undefined;

  constructor(user: string, key: ParsedKey | undefined, password: string | undefined) {
    this.#ways = waysOf(user, key, password);
    // Asks first what the host takes, so that a password never goes to a host that does not want it.
    if (!key) this.#ways.unshift({ type: "none", username: user });
  }

  /** The next way that the host takes, or false when none is left. */
  readonly next = (
    offered: AuthenticationType[] | null,
    _partial: boolean | null,
    use: (way: AnyAuthMethod | false) => void,
  ): void => {
    if (offered) this.offered = offered;
    const position = this.#ways.findIndex(({ type }) => !offered || offered.includes(type));
    const [way] = position < 0 ? [] : this.#ways.splice(position, 1);
    if (way) this.tried.push(wordFor(way.type));
    use(way ?? false);
  };
}

function waysOf(user: string, key: ParsedKey | undefined, password: string | undefined): AnyAuthMethod[] {
  const ways: AnyAuthMethod[] = [];
  if (key) ways.push({ type: "publickey", username: user, key });
  if (password !== undefined) {
    ways.push({ type: "password", username: user, password });
    ways.push({
      type: "keyboard-interactive",
      username: user,
      prompt: (_name, _instructions, _language, prompts, finish) => finish(prompts.map(() => password)),
    });
  }
  return ways;
}

function wordFor(type: AuthenticationType): string {
  return type === "publickey" ? "key" : type;
}
