import { Observable, type Subscriber, type Subscription } from "rxjs";
import { ZkError } from "../core/errors/zk_error.ts";
import type { Stat } from "../core/wire/records.ts";
import type { Zxid } from "../core/wire/zxid.ts";
import type { LastingWatch } from "./lasting_watches.ts";
import { endWith, isInterruption, type LiveSource } from "./live.ts";
import { childPath, parentPath } from "./paths.ts";

/** A znode as one read found it. */
export interface TreeNode {
  readonly path: string;
  readonly data: Uint8Array | null;
  readonly stat: Stat;
}

/** A change in a subtree. */
export type TreeEvent =
  /** The first of every subscription: all znodes, parents before children. */
  | { readonly type: "snapshot"; readonly nodes: readonly TreeNode[] }
  | ({ readonly type: "created" | "changed" } & TreeNode)
  | { readonly type: "deleted"; readonly path: string };

/** Znodes asked for at once. */
const BATCH_SIZE = 256;

/**
 * A subtree as a stream. A change that is overwritten before it could be read is not seen, but the
 * last state always is; changes come in the order in which the znodes last changed, parents are
 * created before and deleted after their children. Znodes that may not be read count as missing.
 */
export function liveTree(source: LiveSource, root: string): Observable<TreeEvent> {
  return new Observable((subscriber) => {
    const reader = new TreeReader(source, root, subscriber);
    reader.start();
    return () => reader.stop();
  });
}

interface Known {
  czxid: Zxid;
  mzxid: Zxid;
  childCount: number;
}

/**
 * Watches the subtree first and scans it then. Events only say which paths to read again, in
 * batches and in the order of their last events; a new connection asks for a new scan, which is
 * compared with what is known.
 */
class TreeReader {
  readonly #source: LiveSource;
  readonly #root: string;
  readonly #subscriber: Subscriber<TreeEvent>;
  readonly #known = new Map<string, Known>();
  readonly #dirty = new Set<string>();
  readonly #attached = () => {
    this.#needsScan = true;
    void this.#work();
  };
  #watch: LastingWatch | undefined;
  #ends: Subscription | undefined;
  #needsScan = true;
  #isWorking = false;
  #hasSnapshot = false;

  constructor(source: LiveSource, root: string, subscriber: Subscriber<TreeEvent>) {
    this.#source = source;
    this.#root = root;
    this.#subscriber = subscriber;
  }

  start(): void {
    this.#ends = endWith(this.#source, this.#subscriber as Subscriber<never>);
    if (this.#subscriber.closed) return;
    try {
      this.#watch = this.#source.watch(this.#root, true, ({ path }) => {
        // A path moves to the end: its last event counts.
        this.#dirty.delete(path);
        this.#dirty.add(path);
        void this.#work();
      });
    } catch (error) {
      return this.#subscriber.error(error);
    }
    this.#watch.ready.catch((error) => this.#failed(error));
    this.#source.attached.add(this.#attached);
    void this.#work();
  }

  stop(): void {
    this.#source.attached.delete(this.#attached);
    this.#ends?.unsubscribe();
    void this.#watch?.release();
  }

  async #work(): Promise<void> {
    if (this.#isWorking) return;
    this.#isWorking = true;
    try {
      while (!this.#subscriber.closed && (this.#needsScan || this.#dirty.size > 0)) {
        if (this.#needsScan) await this.#scan();
        else await this.#readDirty();
      }
    } catch (error) {
      this.#needsScan = true;
      this.#failed(error);
    } finally {
      this.#isWorking = false;
    }
  }

  #failed(error: unknown): void {
    // A new connection starts over; at the end of the client, its state ends the subscriber.
    if (!isInterruption(error)) this.#subscriber.error(error);
  }

  async #scan(): Promise<void> {
    this.#needsScan = false;
    this.#dirty.clear();
    const found = new Map<string, TreeNode | Stat>();
    let level = [this.#root];
    while (level.length > 0) {
      const next: string[] = [];
      for (let at = 0; at < level.length && !this.#subscriber.closed; at += BATCH_SIZE) {
        const batch = level.slice(at, at + BATCH_SIZE);
        const nodes = await Promise.all(batch.map((path) => this.#visit(path)));
        for (const [index, node] of nodes.entries()) {
          const path = batch[index] as string;
          if (node === null) continue;
          found.set(path, node.found);
          for (const name of node.children) next.push(childPath(path, name));
        }
      }
      level = next;
    }
    this.#compare(found);
  }

  /** Reads one znode of a scan; its data only when they are not known yet. */
  async #visit(
    path: string,
  ): Promise<{ readonly found: TreeNode | Stat; readonly children: readonly string[] } | null> {
    const known = this.#known.get(path);
    const [listed, fresh] = await Promise.all([
      this.#orMissing(path, this.#source.getChildren(path)),
      known === undefined ? this.#readNode(path) : undefined,
    ]);
    if (listed === null) return null;
    const { children, stat } = listed;
    if (known !== undefined && known.czxid === stat.czxid && known.mzxid === stat.mzxid) {
      return { found: stat, children };
    }
    const node = fresh === undefined ? await this.#readNode(path) : fresh;
    return node === null ? null : { found: node, children };
  }

  async #readNode(path: string): Promise<TreeNode | null> {
    const result = await this.#orMissing(path, this.#source.getData(path));
    return result === null ? null : { path, data: result.data, stat: result.stat };
  }

  /** Null for a znode that is missing or may not be read; the root must be readable. */
  async #orMissing<T>(path: string, reading: Promise<T>): Promise<T | null> {
    try {
      return await reading;
    } catch (error) {
      const kind = error instanceof ZkError ? error.kind : undefined;
      if (kind === "NoNode" || (kind === "NoAuth" && path !== this.#root)) return null;
      throw error;
    }
  }

  #compare(found: ReadonlyMap<string, TreeNode | Stat>): void {
    if (!this.#hasSnapshot) {
      this.#hasSnapshot = true;
      const nodes = [...found.values()] as TreeNode[];
      for (const node of nodes) this.#remember(node);
      return this.#subscriber.next({ type: "snapshot", nodes });
    }
    for (const [path, { czxid }] of [...this.#known]) {
      const now = found.get(path);
      const isGone = now === undefined || statOf(now).czxid !== czxid;
      if (isGone) this.#forget(path);
    }
    for (const node of found.values()) if ("stat" in node) this.#show(node);
  }

  async #readDirty(): Promise<void> {
    const batch = [...this.#dirty].slice(0, BATCH_SIZE);
    for (const path of batch) this.#dirty.delete(path);
    const nodes = new Map<string, TreeNode | null>();
    const read = await Promise.all(batch.map((path) => this.#readNode(path)));
    for (const [index, path] of batch.entries()) nodes.set(path, read[index] ?? null);
    for (const path of batch) this.#apply(path, nodes);
  }

  #apply(path: string, nodes: ReadonlyMap<string, TreeNode | null>): void {
    const node = nodes.get(path);
    if (node == null) return this.#forget(path);
    const parent = parentPath(path);
    if (path !== this.#root && !this.#known.has(parent)) {
      // The parent changed again after its child was created, and comes later in the order.
      if (nodes.get(parent) != null) this.#apply(parent, nodes);
      else if (this.#dirty.has(parent)) this.#dirty.add(path);
      // Otherwise it has gone, and when it comes back there are events for both.
      if (!this.#known.has(parent)) return;
    }
    this.#show(node);
  }

  #show(node: TreeNode): void {
    const { path, stat } = node;
    let known = this.#known.get(path);
    if (known !== undefined && known.czxid !== stat.czxid) {
      this.#forget(path);
      known = undefined;
    }
    if (known !== undefined && known.mzxid === stat.mzxid) return;
    this.#remember(node);
    this.#subscriber.next({ type: known === undefined ? "created" : "changed", ...node });
  }

  #remember({ path, stat }: TreeNode): void {
    const known = this.#known.get(path);
    if (known !== undefined) {
      known.mzxid = stat.mzxid;
      return;
    }
    this.#known.set(path, { czxid: stat.czxid, mzxid: stat.mzxid, childCount: 0 });
    const parent = path === this.#root ? undefined : this.#known.get(parentPath(path));
    if (parent !== undefined) parent.childCount += 1;
  }

  #forget(path: string): void {
    const known = this.#known.get(path);
    if (known === undefined) return;
    if (known.childCount > 0) {
      const prefix = childPath(path, "");
      const below = [...this.#known.keys()].filter((other) => other.startsWith(prefix));
      // Longer paths first: children before their parents.
      below.sort((a, b) => b.length - a.length);
      for (const other of below) this.#forget(other);
    }
    this.#known.delete(path);
    const parent = path === this.#root ? undefined : this.#known.get(parentPath(path));
    if (parent !== undefined) parent.childCount -= 1;
    this.#subscriber.next({ type: "deleted", path });
  }
}

function statOf(found: TreeNode | Stat): Stat {
  return "stat" in found ? found.stat : found;
}
