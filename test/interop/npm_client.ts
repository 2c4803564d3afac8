/**
 * Clients from npm, installed by `npm ci --prefix test/interop`, and the little that their tests
 * share. They have no types of their own that could be relied on: each test states what it uses.
 *
 * @module
 */
import { createRequire } from "node:module";

/** Loads a client that only the interop tests need. */
export function requireClient<T>(name: string): T {
  try {
    return createRequire(import.meta.url)(name) as T;
  } catch (cause) {
    throw new Error(`${name} is missing: run npm ci --prefix test/interop`, { cause });
  }
}

type Callback = (error: unknown, ...results: never[]) => void;

/** Turns a call with a last `(error, ...results)` callback into a promise of the results. */
export function promised<T extends readonly unknown[]>(
  call: (callback: Callback) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, ...results) => {
      if (error) reject(error);
      else resolve(results as unknown as T);
    });
  });
}

const EVENT_MS_MAX = 60_000;

/** Collects events and hands them out in their order. */
export class Events<T> {
  readonly #queue: T[] = [];
  #wake: () => void = () => {};

  /** Bound, so that it can be given to a client as its listener. */
  readonly push = (event: T): void => {
    this.#queue.push(event);
    this.#wake();
  };

  /** How many have come and were not taken yet. */
  get count(): number {
    return this.#queue.length;
  }

  /** Takes the next event; waits for it at most a minute. */
  async next(what: string): Promise<T> {
    const deadline = Date.now() + EVENT_MS_MAX;
    while (this.#queue.length === 0) {
      await new Promise<void>((resolve, reject) => {
        const late = (): void => reject(new Error(`${what} did not come in ${EVENT_MS_MAX} ms`));
        const timer = setTimeout(late, deadline - Date.now());
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return this.#queue.shift() as T;
  }

  /** Takes events until one satisfies `wanted`, and returns it. */
  async until(what: string, wanted: (event: T) => boolean): Promise<T> {
    for (;;) {
      const event = await this.next(what);
      if (wanted(event)) return event;
    }
  }
}
