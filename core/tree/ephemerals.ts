import { SessionId, SessionMap } from "../wire/session_id.ts";
import { STAT } from "./digest.ts";
import { NEXT_EPHEMERAL, NONE, type NodeStore, PREVIOUS_EPHEMERAL } from "./node_store.ts";

interface List {
  first: number;
  last: number;
}

/** The ephemeral nodes of each session in order of creation, as links from node to node. */
export class Ephemerals {
  readonly #nodes: NodeStore;
  readonly #lists = new SessionMap<List>();
  #count = 0;

  constructor(nodes: NodeStore) {
    this.#nodes = nodes;
  }

  /** Ephemeral nodes of all sessions. */
  get count(): number {
    return this.#count;
  }

  /** The session's first node, `NONE` if it has none. */
  first(sessionHigh: number, sessionLow: number): number {
    return this.#lists.getHalves(sessionHigh, sessionLow)?.first ?? NONE;
  }

  next(node: number): number {
    return this.#nodes.get(node, NEXT_EPHEMERAL);
  }

  /** Adds a node to the list of the session that its owner field names. */
  add(node: number): void {
    const owner = this.#owner(node);
    const list = this.#lists.get(owner);
    this.#count += 1;
    if (list === undefined) {
      this.#lists.set(owner, { first: node, last: node });
      return;
    }
    this.#nodes.set(list.last, NEXT_EPHEMERAL, node);
    this.#nodes.set(node, PREVIOUS_EPHEMERAL, list.last);
    list.last = node;
  }

  /** Takes a node out again; its owner field is still what it was. */
  remove(node: number): void {
    const owner = this.#owner(node);
    const list = this.#lists.get(owner);
    if (list === undefined) return;
    const next = this.#nodes.get(node, NEXT_EPHEMERAL);
    const previous = this.#nodes.get(node, PREVIOUS_EPHEMERAL);
    if (previous === NONE) list.first = next;
    else this.#nodes.set(previous, NEXT_EPHEMERAL, next);
    if (next === NONE) list.last = previous;
    else this.#nodes.set(next, PREVIOUS_EPHEMERAL, previous);
    this.#nodes.set(node, NEXT_EPHEMERAL, NONE);
    this.#nodes.set(node, PREVIOUS_EPHEMERAL, NONE);
    this.#count -= 1;
    if (list.first === NONE) this.#lists.delete(owner);
  }

  #owner(node: number): SessionId {
    return new SessionId(this.#nodes.get(node, STAT.owner), this.#nodes.get(node, STAT.owner + 1));
  }
}
