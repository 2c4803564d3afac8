import { config, Observable, type Observer, Subscriber, type Subscription } from "rxjs";
import type { Clock } from "../contracts/clock.ts";
import type { Logger } from "../contracts/logger.ts";

/** Events that may wait for one subscriber; one more ends its subscription. */
export const QUEUE_EVENTS_MAX: number = 100_000;
/** Longest run of subscribers' code before the server gets its turn again, ms. */
const DRAIN_MS_MAX = 2;

/** A subscriber fell more than {@link QUEUE_EVENTS_MAX} behind; what came after is lost to it. */
export class StreamOverflowError extends Error {
  override readonly name = "StreamOverflowError";
}

/**
 * The server's tree was replaced as a whole: by a backup, or by what its leader sent it because it
 * was too far behind. Which changes led from the one to the other nobody tells.
 */
export class StreamGapError extends Error {
  override readonly name = "StreamGapError";
}

/** The bounded queue between the apply stack and one subscriber's code. */
export class EventQueue<T> {
  readonly #subscriber: Subscriber<T>;
  readonly #wake: (queue: EventQueue<T>) => void;
  #events: T[] = [];
  #head = 0;
  /** What ends the subscription behind the events that wait. */
  #failure: Error | undefined;

  constructor(subscriber: Subscriber<T>, wake: (queue: EventQueue<T>) => void) {
    this.#subscriber = subscriber;
    this.#wake = wake;
  }

  /** Appends an event; the subscriber's code runs later. Never throws. */
  push(event: T): void {
    if (this.#failure !== undefined) return;
    if (this.#events.length - this.#head >= QUEUE_EVENTS_MAX) {
      const message = `more than ${QUEUE_EVENTS_MAX} events wait for a subscriber`;
      this.fail(new StreamOverflowError(message));
    } else {
      this.#events.push(event);
      this.#wake(this);
    }
  }

  /** Ends the subscription once what waits is handed on; events that come later are lost to it. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.#wake(this);
  }

  /** Hands on one event. @returns whether there is more to do. */
  step(): boolean {
    const event = this.#events[this.#head];
    if (event !== undefined) {
      this.#head += 1;
      this.#subscriber.next(event);
      return !this.#subscriber.closed;
    }
    this.#events = [];
    this.#head = 0;
    if (this.#failure !== undefined) this.#subscriber.error(this.#failure);
    return false;
  }

  complete(): void {
    while (this.step());
    this.#subscriber.complete();
  }
}

/**
 * Runs subscribers' code in tasks of its own, a bounded time at once, so that it delays neither the
 * wire nor each other (D3).
 */
export class Delivery {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #all = new Set<EventQueue<never>>();
  readonly #busy = new Set<EventQueue<never>>();
  #scheduled = false;
  #isSilent = true;

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger.child("streams");
    // What a subscriber behind a pipe throws reaches RxJS alone, which would end the process.
    config.onUnhandledError ??= (error) => this.#logger.error("a subscriber threw", { error });
  }

  /**
   * A hot observable: `begin` registers the queue of a new subscriber and returns how to take it
   * out again.
   */
  observable<T>(begin: (queue: EventQueue<T>) => () => void): Observable<T> {
    return new GuardedObservable<T>(this.#logger, (subscriber) => {
      const queue = new EventQueue<T>(subscriber, (busy) => this.#schedule(busy));
      const key = queue as unknown as EventQueue<never>;
      this.#all.add(key);
      const end = begin(queue);
      return () => {
        end();
        this.#all.delete(key);
        this.#busy.delete(key);
      };
    });
  }

  /** True while the server loads a tree and catches up: that is not told, but part of its state. */
  get isSilent(): boolean {
    return this.#isSilent;
  }

  /** The tree is about to be replaced. Whoever was told of changes to the former one hears so. */
  silence(): void {
    if (this.#isSilent) return;
    this.#isSilent = true;
    const error = new StreamGapError("the server's tree was replaced as a whole: read it anew");
    for (const queue of [...this.#all]) queue.fail(error);
  }

  /** The server serves: from here on everything is told. */
  resume(): void {
    this.#isSilent = false;
  }

  /** Hands on what waits, then completes every subscription. */
  complete(): void {
    for (const queue of [...this.#all]) queue.complete();
  }

  #schedule<T>(queue: EventQueue<T>): void {
    this.#busy.add(queue as unknown as EventQueue<never>);
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#clock.after(0, () => {
      this.#scheduled = false;
      this.#drain();
    });
  }

  /** Subscriber by subscriber in turn, one event each, until the time is up. */
  #drain(): void {
    const end = this.#clock.now() + DRAIN_MS_MAX;
    while (this.#busy.size > 0 && this.#clock.now() < end) {
      for (const queue of [...this.#busy]) {
        // To the end: after a pause those whose turn it was not yet come first.
        this.#busy.delete(queue);
        if (queue.step()) this.#busy.add(queue);
        if (this.#clock.now() >= end) break;
      }
    }
    const [next] = this.#busy;
    if (next !== undefined) this.#schedule(next);
  }
}

/** An observable whose subscribers' exceptions end their own subscription and nothing else. */
class GuardedObservable<T> extends Observable<T> {
  readonly #logger: Logger;

  constructor(logger: Logger, subscribe: (subscriber: Subscriber<T>) => () => void) {
    super(subscribe);
    this.#logger = logger;
  }

  override subscribe(
    observerOrNext?: Partial<Observer<T>> | ((event: T) => void) | null,
    error?: ((error: unknown) => void) | null,
    complete?: (() => void) | null,
  ): Subscription {
    if (observerOrNext instanceof Subscriber) return super.subscribe(observerOrNext);
    const observer: Partial<Observer<T>> =
      typeof observerOrNext === "function"
        ? { next: observerOrNext }
        : { ...bound(observerOrNext ?? {}) };
    if (error) observer.error = error;
    if (complete) observer.complete = complete;
    const next = observer.next;
    const subscription = super.subscribe({
      ...observer,
      next: (event) => {
        try {
          next?.(event);
        } catch (thrown) {
          this.#logger.error("a subscriber threw, its subscription ends", { error: thrown });
          subscription.unsubscribe();
        }
      },
    });
    return subscription;
  }
}

/** The functions of an observer, still called on it. */
function bound<T>(observer: Partial<Observer<T>>): Partial<Observer<T>> {
  const result: Partial<Observer<T>> = {};
  if (observer.next) result.next = observer.next.bind(observer);
  if (observer.error) result.error = observer.error.bind(observer);
  if (observer.complete) result.complete = observer.complete.bind(observer);
  return result;
}
