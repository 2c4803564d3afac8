import type { Cancel } from "../contracts/clock.ts";
import type { Metrics } from "../contracts/metrics.ts";
import type { Tree } from "../tree/tree.ts";
import type { ClientServer } from "./client_server.ts";
import { TreeWalk } from "./tree_walk.ts";

/** Time between two looks, ms. */
const PERIOD_MS = 10 * 60_000;
/** Creations after which a znode has too few left: names of sequences end at 2147483647. */
const CREATIONS_WARNING = 2_000_000_000;

/**
 * Looks now and then for znodes whose count of created children, from which sequential names come,
 * is near its end: after 2147483647 they take no more of them.
 */
export class SequenceWatch {
  readonly #server: ClientServer;
  readonly #walk: TreeWalk;
  #period: Cancel | undefined;
  /** Of the look under way. */
  #greatest = 0;
  /** Of the last one. */
  #shown = 0;

  constructor(server: ClientServer, metrics: Metrics) {
    this.#server = server;
    this.#walk = new TreeWalk(server, {
      visit: (tree, node) => this.#visit(tree, node),
      ended: () => {
        this.#shown = this.#greatest;
        this.#greatest = 0;
      },
    });
    const help = "Children that any znode ever had, as of the last look";
    metrics.gauge("max_children_created", help, () => this.#shown);
  }

  start(): void {
    this.#walk.begin();
    this.#period = this.#server.clock.every(PERIOD_MS, () => this.#walk.begin());
  }

  stop(): void {
    this.#period?.();
    this.#walk.stop();
  }

  #visit(tree: Tree, node: number): void {
    const created = tree.cversion(node);
    if (created > this.#greatest) this.#greatest = created;
    if (created < CREATIONS_WARNING) return;
    const message = "a sequence is near its end: let clients go on below another znode";
    this.#server.logger.warn(message, { path: tree.pathOf(node), created, max: 0x7fff_ffff });
  }
}
