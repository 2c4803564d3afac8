/** Observables of one znode: a persistent watch, and reads that follow its events. */
import { Observable, type Subscriber, type Subscription } from "rxjs";
import { ZkError } from "../core/errors/zk_error.ts";
import type { Stat } from "../core/wire/records.ts";
import type { LastingWatch } from "./lasting_watches.ts";
import type { ChildrenResult, DataResult } from "./operations.ts";
import type { ClientState } from "./state.ts";
import type { WatchEvent, WatchEventType, WatchListener } from "./watch_table.ts";

/** What live reads need of a client. */
export interface LiveSource {
  readonly state$: Observable<ClientState>;
  /** Called at every new connection, after the watches were sent. */
  readonly attached: Set<() => void>;
  /** @throws {ZkError} `BadArguments` for a path that is none. */
  watch(path: string, isRecursive: boolean, listener: WatchListener): LastingWatch;
  getData(path: string): Promise<DataResult>;
  getChildren(path: string): Promise<ChildrenResult>;
  exists(path: string): Promise<Stat | null>;
}

/** Data whenever it is set; null while the znode is missing. */
export function liveData(source: LiveSource, path: string): Observable<DataResult | null> {
  return liveRead(source, path, {
    read: () => source.getData(path).catch(nullIfMissing),
    statOf: (result) => result.stat,
    isSame: isSameData,
    events: ["created", "deleted", "dataChanged"],
  });
}

/** Children whenever one comes or goes; null while the znode is missing. */
export function liveChildren(source: LiveSource, path: string): Observable<ChildrenResult | null> {
  return liveRead(source, path, {
    read: () => source.getChildren(path).catch(nullIfMissing),
    statOf: (result) => result.stat,
    isSame: (a, b) => a.czxid === b.czxid && a.pzxid === b.pzxid,
    events: ["created", "deleted", "childrenChanged"],
  });
}

/** The Stat whenever the znode is created or set; null while it is missing. */
export function liveStat(source: LiveSource, path: string): Observable<Stat | null> {
  return liveRead(source, path, {
    read: () => source.exists(path),
    statOf: (stat) => stat,
    isSame: isSameData,
    events: ["created", "deleted", "dataChanged"],
  });
}

/** True for errors after which a new connection, or the end of the client, will follow. */
export function isInterruption(error: unknown): boolean {
  const kind = error instanceof ZkError ? error.kind : undefined;
  return kind === "ConnectionLoss" || kind === "SessionExpired" || kind === "AuthFailed";
}

/** Ends a subscriber with the client: completes at close, fails at any other final state. */
export function endWith(source: LiveSource, subscriber: Subscriber<never>): Subscription {
  let last: ClientState | undefined;
  return source.state$.subscribe({
    next: (state) => {
      last = state;
    },
    complete: () => {
      if (last?.status === "expired") subscriber.error(new ZkError("SessionExpired"));
      else if (last?.status === "auth-failed") subscriber.error(new ZkError("AuthFailed"));
      else subscriber.complete();
    },
  });
}

interface Reading<T> {
  read(): Promise<T | null>;
  statOf(result: T): Stat;
  isSame(a: Stat, b: Stat): boolean;
  /** Events after which the result may be another. */
  readonly events: readonly WatchEventType[];
}

function isSameData(a: Stat, b: Stat): boolean {
  return a.czxid === b.czxid && a.mzxid === b.mzxid;
}

function nullIfMissing(error: unknown): null {
  if (error instanceof ZkError && error.kind === "NoNode") return null;
  throw error;
}

function liveRead<T>(source: LiveSource, path: string, reading: Reading<T>): Observable<T | null> {
  return new Observable((subscriber) => {
    const reader = new LiveReader(source, reading, subscriber);
    reader.start(path);
    return () => reader.stop();
  });
}

/**
 * Registers the watch first and reads then, so nothing falls between; reads again after every event
 * and on every new connection, where changes made meanwhile cause no event. One read is under way
 * at a time: events during it ask for one more.
 */
class LiveReader<T> {
  readonly #source: LiveSource;
  readonly #reading: Reading<T>;
  readonly #subscriber: Subscriber<T | null>;
  readonly #again = () => this.#read();
  #watch: LastingWatch | undefined;
  #ends: Subscription | undefined;
  #isReading = false;
  #isStale = false;
  /** Undefined before the first result, null while the znode is missing. */
  #last: Stat | null | undefined;
  /** Birth of a znode known to be deleted: a read on its way may still show it. */
  #deletedCzxid: number | undefined;

  constructor(source: LiveSource, reading: Reading<T>, subscriber: Subscriber<T | null>) {
    this.#source = source;
    this.#reading = reading;
    this.#subscriber = subscriber;
  }

  start(path: string): void {
    this.#ends = endWith(this.#source, this.#subscriber as Subscriber<never>);
    if (this.#subscriber.closed) return;
    try {
      this.#watch = this.#source.watch(path, false, (event) => this.#changed(event));
    } catch (error) {
      return this.#subscriber.error(error);
    }
    this.#watch.ready.catch((error) => this.#failed(error));
    this.#source.attached.add(this.#again);
    this.#read();
  }

  stop(): void {
    this.#source.attached.delete(this.#again);
    this.#ends?.unsubscribe();
    void this.#watch?.release();
  }

  #changed(event: WatchEvent): void {
    if (this.#subscriber.closed || !this.#reading.events.includes(event.type)) return;
    if (event.type === "deleted" && this.#last != null) {
      this.#deletedCzxid = this.#last.czxid;
      this.#last = null;
      this.#subscriber.next(null);
    }
    this.#read();
  }

  #read(): void {
    if (this.#subscriber.closed) return;
    this.#isStale = true;
    if (this.#isReading) return;
    this.#isReading = true;
    this.#isStale = false;
    this.#reading.read().then(
      (result) => {
        this.#isReading = false;
        this.#show(result);
        if (this.#isStale) this.#read();
      },
      (error) => {
        this.#isReading = false;
        this.#failed(error);
      },
    );
  }

  #show(result: T | null): void {
    const stat = result === null ? null : this.#reading.statOf(result);
    if (stat !== null && stat.czxid === this.#deletedCzxid) return;
    const last = this.#last;
    if (last === null && stat === null) return;
    if (last != null && stat !== null && this.#reading.isSame(last, stat)) return;
    this.#last = stat;
    this.#subscriber.next(result);
  }

  #failed(error: unknown): void {
    // The next connection asks again; at the end of the client, its state ends the subscriber.
    if (!isInterruption(error)) this.#subscriber.error(error);
  }
}
