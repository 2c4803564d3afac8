import type { Cancel } from "../contracts/clock.ts";
import type { Tree } from "../tree/tree.ts";
import { JuteWriter } from "../wire/jute.ts";
import { OPCODES } from "../wire/opcodes.ts";
import { NO_SESSION } from "../wire/session_id.ts";
import type { ClientServer } from "./client_server.ts";

const MINUTE_MS = 60_000;
/** Znodes looked at in one go, about 1 ms. */
const VISITS_MAX = 20_000;

/**
 * Removes containers that have lost their last child and TTL znodes whose time is over, while this
 * server leads (CP 15). Each removal is a transaction that is checked anew.
 */
export class Reaper {
  readonly #server: ClientServer;
  #looking: Cancel | undefined;
  #next: Cancel | undefined;
  #due: string[] = [];
  #cursor = 0;

  constructor(server: ClientServer) {
    this.#server = server;
  }

  start(): void {
    const { clock, options } = this.#server;
    this.#looking = clock.every(options.containerCheckIntervalMs, () => this.#look());
  }

  stop(): void {
    this.#looking?.();
    this.#next?.();
  }

  #look(): void {
    // Only the leader has a tracker; the rest of the former look is still due then.
    const isBusy = this.#due.length > 0 || this.#cursor > 0;
    if (this.#server.consensus.tracker === undefined || isBusy) return;
    this.#visit();
  }

  /** Looks at some znodes, then lets clients have their turn before the next. */
  #visit(): void {
    const { tree, clock } = this.#server;
    const end = Math.min(tree.indexEnd, this.#cursor + VISITS_MAX);
    const nowMs = clock.wallTime();
    for (let node = this.#cursor; node < end; node++) {
      if (tree.isNode(node) && this.#isDue(tree, node, nowMs)) this.#due.push(tree.pathOf(node));
    }
    this.#cursor = end;
    if (end < tree.indexEnd) {
      this.#next = clock.after(0, () => this.#visit());
    } else {
      this.#cursor = 0;
      this.#removeNext();
    }
  }

  #isDue(tree: Tree, node: number, nowMs: number): boolean {
    const kind = tree.kind(node);
    if ((kind !== "container" && kind !== "ttl") || tree.childCount(node) > 0) return false;
    const ageMs = nowMs - tree.mtime(node);
    if (kind === "ttl") return ageMs > tree.ttlMs(node);
    const neverUsedMs = this.#server.options.containerMaxNeverUsedIntervalMs;
    return tree.cversion(node) > 0 || (neverUsedMs > 0 && ageMs > neverUsedMs);
  }

  #removeNext(): void {
    const path = this.#due.shift();
    if (path === undefined) return;
    const body = new JuteWriter(4 + path.length * 3);
    body.string(path);
    this.#server.submitOwn(NO_SESSION, OPCODES.deleteContainer, body.view());
    const pauseMs = MINUTE_MS / this.#server.options.containerMaxPerMinute;
    this.#next = this.#server.clock.after(pauseMs, () => this.#removeNext());
  }
}
