import { BehaviorSubject, type Observable } from "rxjs";
import type { Delivery, EventQueue } from "./delivery.ts";

/** What a server as a whole is doing. */
export type ServerState = "idle" | "starting" | "running" | "stopping" | "stopped";

/** The present state at once, then each new one; errors when the server failed. */
export class StateFeed {
  readonly #subject = new BehaviorSubject<ServerState>("idle");

  get now(): ServerState {
    return this.#subject.value;
  }

  get stream(): Observable<ServerState> {
    return this.#subject.asObservable();
  }

  set(state: ServerState): void {
    this.#subject.next(state);
    if (state === "stopped") this.#subject.complete();
  }

  /** The server cannot go on. */
  fail(error: unknown): void {
    this.#subject.error(error);
  }
}

/** A session of the ensemble began or ended. */
export interface SessionEvent {
  readonly type: "created" | "closed";
  /** A signed int64, as ZooKeeper's APIs show it. */
  readonly id: bigint;
  /** Negotiated time-out in ms; 0 for `closed`. */
  readonly timeoutMs: number;
}

/** Sessions as they come and go, in zxid order; ends as `ChangeStreams.at` does. */
export class SessionFeed {
  readonly #queues = new Set<EventQueue<SessionEvent>>();
  readonly stream: Observable<SessionEvent>;
  readonly #delivery: Delivery;

  constructor(delivery: Delivery) {
    this.#delivery = delivery;
    this.stream = delivery.observable<SessionEvent>((queue) => {
      this.#queues.add(queue);
      return () => this.#queues.delete(queue);
    });
  }

  publish(event: SessionEvent): void {
    if (this.#delivery.isSilent) return;
    for (const queue of this.#queues) queue.push(event);
  }
}
