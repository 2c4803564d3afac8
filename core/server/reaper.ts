import type { Cancel } from "../contracts/clock.ts";
import { NO_NODE, type Tree } from "../tree/tree.ts";
import { JuteWriter } from "../wire/jute.ts";
import { OPCODES } from "../wire/opcodes.ts";
import { NO_SESSION } from "../wire/session_id.ts";
import type { ClientServer } from "./client_server.ts";
import { TreeWalk } from "./tree_walk.ts";

const MINUTE_MS = 60_000;

/**
 * Removes containers that have lost their last child and TTL znodes whose time is over, while this
 * server leads (CP 15). Each removal is a transaction that is checked anew.
 */
export class Reaper {
  readonly #server: ClientServer;
  readonly #walk: TreeWalk;
  #period: Cancel | undefined;
  #removal: Cancel | undefined;
  #due: string[] = [];

  constructor(server: ClientServer) {
    this.#server = server;
    this.#walk = new TreeWalk(server, {
      visit: (tree, node) => {
        if (this.#isDue(tree, node)) this.#due.push(tree.pathOf(node));
      },
      ended: () => this.#removeNext(),
    });
  }

  start(): void {
    const { clock, options } = this.#server;
    this.#period = clock.every(options.containerCheckIntervalMs, () => this.#look());
  }

  stop(): void {
    this.#period?.();
    this.#walk.stop();
    this.#removal?.();
  }

  #look(): void {
    // Only the leader has a tracker; the rest of the former look is still due then.
    if (this.#server.consensus.tracker === undefined || this.#due.length > 0) return;
    this.#walk.begin();
  }

  #isDue(tree: Tree, node: number): boolean {
    if (node === NO_NODE) return false;
    const kind = tree.kind(node);
    if ((kind !== "container" && kind !== "ttl") || tree.childCount(node) > 0) return false;
    const ageMs = this.#server.clock.wallTime() - tree.mtime(node);
    if (kind === "ttl") return ageMs > tree.ttlMs(node);
    const neverUsedMs = this.#server.options.containerMaxNeverUsedIntervalMs;
    return tree.cversion(node) > 0 || (neverUsedMs > 0 && ageMs > neverUsedMs);
  }

  #removeNext(): void {
    const { tree } = this.#server;
    let path = this.#due.shift();
    // Since the look it may have been used, or the whole tree may have become another one.
    while (path !== undefined && !this.#isDue(tree, tree.findPath(path))) path = this.#due.shift();
    if (path === undefined) return;
    const body = new JuteWriter(4 + path.length * 3);
    body.string(path);
    this.#server.submitOwn(NO_SESSION, OPCODES.deleteContainer, body.view());
    const pauseMs = MINUTE_MS / this.#server.options.containerMaxPerMinute;
    this.#removal = this.#server.clock.after(pauseMs, () => this.#removeNext());
  }
}
