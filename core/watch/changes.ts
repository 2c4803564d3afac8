import type { Observable } from "rxjs";
import type { Stat } from "../wire/records.ts";
import type { SessionId } from "../wire/session_id.ts";
import type { Zxid } from "../wire/zxid.ts";
import type { Delivery, EventQueue } from "./delivery.ts";

/** A committed change of one znode. */
export interface ZnodeChange {
  readonly type: "created" | "deleted" | "data" | "acl";
  readonly path: string;
  /** The transaction; changes of one multi share it and come in the order of its operations. */
  readonly zxid: Zxid;
  /** Leader's clock at the transaction, ms since 1970. */
  readonly timeMs: number;
  /** Who did it, as a signed int64; 0n for the server itself. */
  readonly sessionId: bigint;
  /** The data after it; null for null data and for `deleted`. The subscriber's own copy. */
  readonly data: Uint8Array | null;
  /** The Stat after it; undefined for `deleted`. */
  readonly stat: Stat | undefined;
  /** The data before, where it was asked for and there was a znode. */
  readonly previousData?: Uint8Array | null;
}

/** What a subscriber may ask for. */
export interface ChangeOptions {
  /**
   * Whether `previousData` is wanted; costs a copy of the data before each change. Default false.
   */
  readonly previous?: boolean;
}

/** Where an application follows what is committed. */
export interface ChangeStreams {
  /**
   * Changes of one znode from now on, or from when the server serves, in zxid order. Ends with
   * `StreamOverflowError` when the subscriber is too slow, with `StreamGapError` when the tree is
   * replaced as a whole; completes when the server stops. Nobody waits for a subscriber.
   */
  at(path: string, options?: ChangeOptions): Observable<ZnodeChange>;
  /** As {@link at}, for the znode and everything below it. */
  under(path: string, options?: ChangeOptions): Observable<ZnodeChange>;
}

/**
 * The part of a change that the apply stack can give; the rest is read only if somebody listens.
 */
export interface ChangeSource {
  readonly type: ZnodeChange["type"];
  readonly zxid: Zxid;
  readonly timeMs: number;
  readonly session: SessionId;
  data(): Uint8Array | null;
  stat(): Stat | undefined;
  previousData(): Uint8Array | null | undefined;
}

type ChangeQueue = EventQueue<ZnodeChange> & { readonly wantsPrevious: boolean };

/** Subscribers by path. Publishing costs a comparison while nobody subscribes. */
export class ChangeFeed implements ChangeStreams {
  readonly #delivery: Delivery;
  readonly #at = new Map<string, Set<ChangeQueue>>();
  readonly #under = new Map<string, Set<ChangeQueue>>();
  #previousWanted = 0;

  constructor(delivery: Delivery) {
    this.#delivery = delivery;
  }

  /** True when nobody is told, so that the apply stack need not even make a path. */
  get isIdle(): boolean {
    return (this.#at.size === 0 && this.#under.size === 0) || this.#delivery.isSilent;
  }

  /** Whether anybody wants to know the data before a change. */
  get wantsPrevious(): boolean {
    return this.#previousWanted > 0;
  }

  at(path: string, options: ChangeOptions = {}): Observable<ZnodeChange> {
    return this.#observe(this.#at, path, options);
  }

  under(path: string, options: ChangeOptions = {}): Observable<ZnodeChange> {
    return this.#observe(this.#under, path, options);
  }

  /**
   * Appends a change to the queues of those who want it; their code runs later, in its own task.
   */
  publish(path: string, source: ChangeSource): void {
    const wanted = this.#subscribersOf(path);
    if (wanted.length === 0) return;
    const change: ZnodeChange = {
      type: source.type,
      path,
      zxid: source.zxid,
      timeMs: source.timeMs,
      sessionId: source.session.toBigInt(),
      data: source.data(),
      stat: source.stat(),
    };
    const previousData = this.#previousWanted > 0 ? source.previousData() : undefined;
    for (const queue of wanted) {
      const withPrevious = queue.wantsPrevious && previousData !== undefined;
      queue.push(withPrevious ? { ...change, previousData } : change);
    }
  }

  #subscribersOf(path: string): ChangeQueue[] {
    const wanted = [...(this.#at.get(path) ?? [])];
    if (this.#under.size === 0) return wanted;
    for (let end = path.length; end > 0; end = path.lastIndexOf("/", end - 1)) {
      wanted.push(...(this.#under.get(path.slice(0, end)) ?? []));
      if (end === 1) return wanted;
    }
    wanted.push(...(this.#under.get("/") ?? []));
    return wanted;
  }

  #observe(
    index: Map<string, Set<ChangeQueue>>,
    path: string,
    options: ChangeOptions,
  ): Observable<ZnodeChange> {
    const wantsPrevious = options.previous ?? false;
    return this.#delivery.observable<ZnodeChange>((events) => {
      const queue = Object.assign(events, { wantsPrevious });
      let queues = index.get(path);
      if (queues === undefined) {
        queues = new Set();
        index.set(path, queues);
      }
      queues.add(queue);
      if (wantsPrevious) this.#previousWanted += 1;
      return () => {
        queues.delete(queue);
        if (queues.size === 0 && index.get(path) === queues) index.delete(path);
        if (wantsPrevious) this.#previousWanted -= 1;
      };
    });
  }
}
