import type { Cancel, Clock } from "../contracts/clock.ts";
import type { Tree } from "../tree/tree.ts";

/** Znodes looked at in one go, about 1 ms. */
const VISITS_MAX = 20_000;

/** What a walk does on its way. */
export interface TreeVisitor {
  /** Looks at one znode; must not change the tree. */
  visit(tree: Tree, node: number): void;
  /** Every znode was looked at. */
  ended(): void;
}

/**
 * Looks at every znode, some at a time, so that clients have their turn in between. Transactions
 * may be applied meanwhile: a znode that comes or goes on the way may be looked at or not.
 */
export class TreeWalk {
  readonly #server: { readonly tree: Tree; readonly clock: Clock };
  readonly #visitor: TreeVisitor;
  #cursor = 0;
  #next: Cancel | undefined;

  constructor(server: { readonly tree: Tree; readonly clock: Clock }, visitor: TreeVisitor) {
    this.#server = server;
    this.#visitor = visitor;
  }

  /** Begins a walk, and does its first part at once; nothing while one is under way. */
  begin(): void {
    if (this.#next === undefined) this.#visitSome();
  }

  /** Breaks off a walk that is under way. */
  stop(): void {
    this.#next?.();
    this.#next = undefined;
    this.#cursor = 0;
  }

  #visitSome(): void {
    const { tree, clock } = this.#server;
    const end = Math.min(tree.indexEnd, this.#cursor + VISITS_MAX);
    for (let node = this.#cursor; node < end; node++) {
      if (tree.isNode(node)) this.#visitor.visit(tree, node);
    }
    this.#cursor = end;
    if (end < tree.indexEnd) {
      this.#next = clock.after(0, () => this.#visitSome());
      return;
    }
    this.#next = undefined;
    this.#cursor = 0;
    this.#visitor.ended();
  }
}
