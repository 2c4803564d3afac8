import type { ClientConnection } from "./connection.ts";
import type { ServerContext } from "./context.ts";

/** Bytes of requests under way at which connections that have some are read no further. */
const OUTSTANDING_BYTES_MAX = 128 * 1024 * 1024;

/**
 * Bounds what is under way for the clients of this server (`globalOutstandingLimit`), and with that
 * what a follower asks of its leader: beyond it, connections that have something under way are not
 * read. What clients asked for and did not wait for counts too, or whoever connects again and again
 * would know no bound.
 */
export class OutstandingLimit {
  readonly #server: Pick<ServerContext, "options" | "statistics" | "sessions">;
  readonly #held = new Set<ClientConnection>();
  /** Syncs that consensus has not answered. */
  #syncs = 0;

  constructor(server: Pick<ServerContext, "options" | "statistics" | "sessions">) {
    this.#server = server;
  }

  /** Whether a connection is not to be read for now; {@link wake} lets it go on. */
  holds(connection: ClientConnection): boolean {
    const { outstanding, outstandingBytes } = this.#server.statistics;
    const { orphanCount, orphanBytes } = this.#server.sessions;
    const count = Math.max(outstanding + orphanCount, this.#syncs);
    if (!this.#isTooMuch(count, outstandingBytes + orphanBytes)) return false;
    // Who has nothing under way is heard, so that nobody starves because of clients that read no
    // answers. What was left behind waits for consensus alone, and so can everybody.
    const isLeftBehind = this.#isTooMuch(orphanCount + this.#syncs, orphanBytes);
    if (connection.queued === 0 && !isLeftBehind) return false;
    this.#held.add(connection);
    return true;
  }

  /** Lets those go on that were held back; after a run of deliveries. */
  wake(): void {
    if (this.#held.size === 0) return;
    const waiting = [...this.#held];
    this.#held.clear();
    for (const connection of waiting) connection.advance();
  }

  syncBegun(): void {
    this.#syncs += 1;
  }

  syncDone(): void {
    this.#syncs = Math.max(0, this.#syncs - 1);
  }

  disconnected(connection: ClientConnection): void {
    this.#held.delete(connection);
  }

  /** Nobody is served any more: nothing that is under way will be answered. */
  clear(): void {
    this.#held.clear();
    this.#syncs = 0;
  }

  #isTooMuch(count: number, sizeBytes: number): boolean {
    const { globalOutstandingLimit } = this.#server.options;
    return count >= globalOutstandingLimit || sizeBytes >= OUTSTANDING_BYTES_MAX;
  }
}
