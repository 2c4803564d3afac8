import type { Clock } from "../contracts/clock.ts";
import type { Logger } from "../contracts/logger.ts";
import type { ServerOptions } from "./options.ts";
import { RareWarning } from "./rare_warning.ts";
import type { Statistics } from "./statistics.ts";

/** Counts connections by address, and refuses those above `maxClientCnxns` or `maxCnxns`. */
export class ConnectionLimits {
  readonly #options: ServerOptions;
  readonly #statistics: Statistics;
  readonly #refused: RareWarning;
  readonly #perAddress = new Map<string, number>();

  constructor(options: ServerOptions, statistics: Statistics, logger: Logger, clock: Clock) {
    this.#options = options;
    this.#statistics = statistics;
    this.#refused = new RareWarning(logger, clock);
  }

  /**
   * Counts a new connection, unless there are too many.
   *
   * @param total connections that there are.
   */
  admits(address: string, total: number): boolean {
    const { maxCnxns, maxClientCnxns } = this.#options;
    const ofAddress = this.#perAddress.get(address) ?? 0;
    const isLocal = !/[.:]/.test(address); // Within this process there are no IP addresses.
    if (maxCnxns > 0 && total >= maxCnxns) return this.#refuse(address, { maxCnxns });
    if (maxClientCnxns > 0 && ofAddress >= maxClientCnxns && !isLocal) {
      return this.#refuse(address, { maxClientCnxns });
    }
    this.#perAddress.set(address, ofAddress + 1);
    return true;
  }

  /** One that was admitted is gone. */
  left(address: string): void {
    const left = (this.#perAddress.get(address) ?? 1) - 1;
    if (left === 0) this.#perAddress.delete(address);
    else this.#perAddress.set(address, left);
  }

  #refuse(client: string, limit: Readonly<Record<string, number>>): false {
    this.#statistics.connectionsRejected.value += 1;
    this.#refused.say("too many connections, one is refused", { client, ...limit });
    return false;
  }
}
