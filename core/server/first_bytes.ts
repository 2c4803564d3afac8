import type { ByteSink, FirstBytes } from "../contracts/transport.ts";
import type { ClientConnection } from "./connection.ts";

const WORD_BYTES = 4;

/** What the server wants to know of a connection that was taken by its first bytes. */
export interface ClaimEvents {
  claimed(): void;
  closed(): void;
}

/** Shows the first four bytes of a connection to those who may take it; frames begin otherwise. */
export class FirstBytesSink implements ByteSink {
  readonly #connection: ClientConnection;
  readonly #claimants: readonly FirstBytes[];
  readonly #events: ClaimEvents;
  #word = new Uint8Array(0);
  #sink: ByteSink | undefined;
  #isClaimed = false;

  constructor(connection: ClientConnection, claimants: readonly FirstBytes[], events: ClaimEvents) {
    this.#connection = connection;
    this.#claimants = claimants;
    this.#events = events;
  }

  chunk(bytes: Uint8Array): void {
    if (this.#sink !== undefined) return this.#sink.chunk(bytes);
    const joined = new Uint8Array(this.#word.length + bytes.length);
    joined.set(this.#word);
    joined.set(bytes, this.#word.length);
    this.#word = joined;
    if (joined.length < WORD_BYTES) return;
    const word = joined.subarray(0, WORD_BYTES);
    const claim = this.#claim(word);
    const rest = claim === undefined ? joined : joined.subarray(WORD_BYTES);
    this.#sink = claim ?? this.#connection;
    this.#word = new Uint8Array(0);
    if (rest.length > 0) this.#sink.chunk(rest);
  }

  writable(): void {
    (this.#sink ?? this.#connection).writable();
  }

  ended(): void {
    (this.#sink ?? this.#connection).ended();
  }

  closed(): void {
    (this.#sink ?? this.#connection).closed();
    if (this.#isClaimed) this.#events.closed();
  }

  #claim(word: Uint8Array): ByteSink | undefined {
    for (const claimant of this.#claimants) {
      const sink = claimant.claim(word, this.#connection.transport);
      if (sink === undefined) continue;
      this.#isClaimed = true;
      this.#events.claimed();
      return sink;
    }
    return undefined;
  }
}
