import type { Cancel } from "../contracts/clock.ts";
import type { Metrics } from "../contracts/metrics.ts";
import type { ClientServer } from "./client_server.ts";

/** Time between two looks, ms. */
const PERIOD_MS = 10 * 60_000;
/** Znodes looked at in one go, about 1 ms. */
const VISITS_MAX = 20_000;
/** Creations after which a znode has too few left: names of sequences end at 2147483647. */
const CREATIONS_WARNING = 2_000_000_000;

/**
 * Looks now and then for znodes whose count of created children, from which sequential names come,
 * is near its end: after 2147483647 they take no more of them.
 */
export class SequenceWatch {
  readonly #server: ClientServer;
  #period: Cancel | undefined;
  #next: Cancel | undefined;
  #cursor = 0;
  #greatest = 0;
  #shown = 0;

  constructor(server: ClientServer, metrics: Metrics) {
    this.#server = server;
    const help = "Children that any znode ever had, as of the last look";
    metrics.gauge("max_children_created", help, () => this.#shown);
  }

  start(): void {
    this.#look();
    this.#period = this.#server.clock.every(PERIOD_MS, () => this.#look());
  }

  stop(): void {
    this.#period?.();
    this.#next?.();
  }

  #look(): void {
    if (this.#cursor === 0) this.#visit();
  }

  #visit(): void {
    const { tree, clock, logger } = this.#server;
    const end = Math.min(tree.indexEnd, this.#cursor + VISITS_MAX);
    for (let node = this.#cursor; node < end; node++) {
      const created = tree.isNode(node) ? tree.cversion(node) : 0;
      if (created > this.#greatest) this.#greatest = created;
      if (created < CREATIONS_WARNING) continue;
      const message = "a sequence is near its end: let clients go on below another znode";
      logger.warn(message, { path: tree.pathOf(node), created, max: 0x7fff_ffff });
    }
    this.#cursor = end;
    if (end < tree.indexEnd) {
      this.#next = clock.after(0, () => this.#visit());
      return;
    }
    this.#cursor = 0;
    this.#shown = this.#greatest;
    this.#greatest = 0;
  }
}
