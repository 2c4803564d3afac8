import type { Cancel } from "../core/contracts/clock.ts";
import type { JuteReader } from "../core/wire/jute.ts";
import { Link } from "./link.ts";
import type { Settings } from "./options.ts";
import { type ServerEntry, ServerRound } from "./servers.ts";

/** What a connector asks of, and tells, the session. */
export interface ConnectorUser {
  /** The first frame of every connection. */
  hello(): Uint8Array;
  /** The server's first frame. @returns whether the connection may live. */
  welcomed(link: Link, server: ServerEntry, reader: JuteReader): boolean;
  frame(reader: JuteReader): void;
  settled(): void;
  idle(): void;
  lost(link: Link, reason: Error): void;
}

const DELAY_MS_MIN = 50;
/** A connection that lived longer than this counts as a success. */
const GOOD_LIFE_MS = 1_000;
const ATTEMPT_MS_MIN = 1_000;

/**
 * Keeps one connection to one of the servers: tries them in turn, and after each round that failed
 * waits longer, up to a bound, by an amount that chance decides within a factor of two.
 */
export class Connector {
  readonly #settings: Settings;
  readonly #user: ConnectorUser;
  readonly #servers: ServerRound;
  #isStarted = false;
  #isStopped = false;
  #failures = 0;
  #attempt: AbortController | undefined;
  #endPause: (() => void) | undefined;

  constructor(settings: Settings, user: ConnectorUser) {
    this.#settings = settings;
    this.#user = user;
    this.#servers = new ServerRound(settings.servers, settings.entropy);
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  start(): void {
    if (this.#isStarted || this.#isStopped) return;
    this.#isStarted = true;
    void this.#run();
  }

  /** No more attempts; an open connection stays its user's to drop. */
  stop(): void {
    this.#isStopped = true;
    this.#attempt?.abort(new Error("the client is closing"));
    this.#endPause?.();
  }

  async #run(): Promise<void> {
    const { clock, logger } = this.#settings;
    while (!this.#isStopped) {
      const server = this.#servers.next();
      const from = clock.now();
      let wasWelcome = false;
      try {
        wasWelcome = await this.#connect(server);
      } catch (error) {
        logger.debug("connection attempt failed", { server: server.name, error });
      }
      if (wasWelcome && clock.now() - from > GOOD_LIFE_MS) this.#failures = 0;
      else this.#failures += 1;
      await this.#pause();
    }
  }

  /** Resolves when the connection is over: whether the server had accepted the session. */
  async #connect(server: ServerEntry): Promise<boolean> {
    const { clock, timeoutMs } = this.#settings;
    const attempt = new AbortController();
    this.#attempt = attempt;
    const limitMs = Math.max(ATTEMPT_MS_MIN, (timeoutMs * 2) / 3 / this.#servers.count);
    const cancelLimit = clock.after(limitMs, () => {
      attempt.abort(new Error(`no answer within ${Math.round(limitMs)} ms`));
    });
    try {
      return await this.#converse(server, attempt.signal, cancelLimit);
    } finally {
      cancelLimit();
    }
  }

  #converse(server: ServerEntry, signal: AbortSignal, cancelLimit: Cancel): Promise<boolean> {
    const { clock, replyBytesMax, logger } = this.#settings;
    return new Promise((resolve, reject) => {
      let isWelcome = false;
      const open = (connection: ConstructorParameters<typeof Link>[0]): Link => {
        const link = new Link(
          connection,
          {
            frame: (reader) => {
              if (isWelcome) return this.#user.frame(reader);
              cancelLimit();
              isWelcome = this.#user.welcomed(link, server, reader);
              if (!isWelcome) link.drop(new Error("the session was refused"));
            },
            settled: () => this.#user.settled(),
            idle: () => this.#user.idle(),
            lost: (reason) => {
              logger.debug("connection lost", { server: server.name, error: reason });
              this.#user.lost(link, reason);
              resolve(isWelcome);
            },
          },
          { clock, replyBytesMax },
        );
        const dropUnlessWelcome = () => {
          if (!isWelcome) link.drop(signal.reason);
        };
        signal.addEventListener("abort", dropUnlessWelcome, { once: true });
        if (signal.aborted) dropUnlessWelcome();
        else link.send(this.#user.hello());
        return link;
      };
      server.dialer.dial(open, signal).catch(reject);
    });
  }

  #pause(): Promise<void> {
    const { clock, entropy, reconnectDelayMaxMs } = this.#settings;
    const rounds = Math.floor(this.#failures / this.#servers.count);
    const isRoundOver = this.#failures % this.#servers.count === 0;
    if (this.#isStopped || this.#failures === 0 || !isRoundOver) return Promise.resolve();
    const fullMs = Math.min(reconnectDelayMaxMs, DELAY_MS_MIN * 2 ** Math.min(rounds, 16));
    const delayMs = (fullMs * (1 + entropy.uint32() / 0x1_0000_0000)) / 2;
    return new Promise((resolve) => {
      const cancel = clock.after(delayMs, resolve);
      this.#endPause = () => {
        cancel();
        resolve();
      };
    });
  }
}
