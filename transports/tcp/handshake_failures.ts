import type { Logger } from "../../core/contracts/logger.ts";
import type { Counter, Metrics } from "../../core/contracts/metrics.ts";

/** Failed handshakes are logged this often at most, ms; the counter has them all. */
const LOG_PAUSE_MS = 1000;

/** Counts handshakes that failed, and tells of them now and then. */
export class HandshakeFailures {
  readonly #logger: Logger;
  readonly #counter: Counter;
  #loggedMs = Number.NEGATIVE_INFINITY;
  #unlogged = 0;

  constructor(logger: Logger, metrics: Metrics) {
    this.#logger = logger;
    this.#counter = metrics.counter("unsuccessful_handshake", "TLS handshakes that failed");
  }

  /** @param who the other side and why, for the message. */
  note(who: Readonly<Record<string, string>>): void {
    this.#counter.value += 1;
    const now = performance.now();
    if (now - this.#loggedMs < LOG_PAUSE_MS) {
      this.#unlogged += 1;
      return;
    }
    const more = this.#unlogged === 0 ? {} : { unlogged: this.#unlogged };
    this.#logger.warn("a TLS handshake failed", { ...who, ...more });
    this.#loggedMs = now;
    this.#unlogged = 0;
  }
}
