import type { Counter } from "../contracts/metrics.ts";
import type { ClientConnection } from "./connection.ts";
import type { ServerOptions } from "./options.ts";
import { RareWarning, type WarningParts } from "./rare_warning.ts";

/** Warns of single requests that an operator should know of, and counts them. */
export class RequestWarnings {
  /** Time above which a request is slow, ms; infinite when nobody wants to know. */
  readonly slowMs: number;
  /** Size above which an answer is large, bytes. */
  readonly largeBytes: number;
  readonly #slowCount: Counter;
  readonly #largeCount: Counter;
  readonly #slow: RareWarning;
  readonly #large: RareWarning;

  constructor({ clock, logger, metrics }: WarningParts, options: ServerOptions) {
    const { requestWarningMs, frameBytesMax } = options;
    this.slowMs = requestWarningMs === 0 ? Number.POSITIVE_INFINITY : requestWarningMs;
    this.largeBytes = frameBytesMax;
    this.#slowCount = metrics.counter("slow_requests_count", "Requests that took too long");
    this.#largeCount = metrics.counter(
      "large_responses_count",
      "Answers larger than jute.maxbuffer, which many clients do not take",
    );
    this.#slow = new RareWarning(logger, clock);
    this.#large = new RareWarning(logger, clock);
  }

  /** Requests of a connection, the last of them answered just now, were slow. */
  slow(connection: ClientConnection, tookMs: number, times: number): void {
    this.#slowCount.value += times;
    this.#slow.say("a request was slow: look at the disk, at the load, and at long lists", {
      ...describe(connection),
      tookMs: Math.round(tookMs),
    });
  }

  /** An answer is larger than what clients take with the same setting. */
  large(connection: ClientConnection, sizeBytes: number): void {
    this.#largeCount.value += 1;
    const advice = "raise it there, or part the data or children of the znode";
    this.#large.say(`clients with this jute.maxbuffer cannot take an answer: ${advice}`, {
      ...describe(connection),
      sizeBytes,
      juteMaxbuffer: this.largeBytes,
    });
  }
}

function describe({ transport, session, counters }: ClientConnection): Record<string, unknown> {
  return {
    client: transport.peer.address,
    session: session?.id.toString(),
    type: counters.lastOpcode,
  };
}
