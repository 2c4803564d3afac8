import { STAT_INTS } from "../tree/digest.ts";
import { PendingNode } from "./pending_node.ts";

/** Nodes that lie in one piece of memory: fewer cache lines than with arrays of their own. */
const PIECE_NODES = 64;
const PATH_BYTES = 64;
const IDLE_MAX = 4096;
const PATH_BYTES_KEPT = 1024;

/** Makes pending nodes, and uses them again. */
export class PendingPool {
  readonly #idle: PendingNode[] = [];
  #ints = new Int32Array(0);
  #paths = new Uint8Array(0);
  #left = 0;

  /** A node in any state. */
  take(): PendingNode {
    return this.#idle.pop() ?? this.#make();
  }

  give(node: PendingNode): void {
    node.zxid = 0;
    // One that has held a very long path is not worth keeping.
    if (this.#idle.length < IDLE_MAX && node.pathRoom <= PATH_BYTES_KEPT) this.#idle.push(node);
  }

  #make(): PendingNode {
    if (this.#left === 0) {
      this.#ints = new Int32Array(PIECE_NODES * STAT_INTS);
      this.#paths = new Uint8Array(PIECE_NODES * PATH_BYTES);
      this.#left = PIECE_NODES;
    }
    this.#left -= 1;
    const pathAt = this.#left * PATH_BYTES;
    return new PendingNode(this.#ints, this.#left * STAT_INTS, this.#paths, pathAt, PATH_BYTES);
  }
}
