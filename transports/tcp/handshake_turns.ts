import type { Socket } from "node:net";

/**
 * Lets connections begin their handshakes one in each turn of the event loop, in the order in which
 * they came. One costs as much as dozens of requests: however many begin at once, whoever else asks
 * something waits for one of them, not for all.
 */
export class HandshakeTurns {
  readonly #begin: (socket: Socket) => void;
  readonly #waiting: Socket[] = [];

  constructor(begin: (socket: Socket) => void) {
    this.#begin = begin;
  }

  /** Begins with `socket` in a turn to come, unless it is destroyed by then. */
  add(socket: Socket): void {
    this.#waiting.push(socket);
    if (this.#waiting.length === 1) setImmediate(() => this.#turn());
  }

  #turn(): void {
    let next = this.#waiting.shift();
    while (next?.destroyed === true) next = this.#waiting.shift();
    if (this.#waiting.length > 0) setImmediate(() => this.#turn());
    if (next !== undefined) this.#begin(next);
  }
}
