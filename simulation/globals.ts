import type { Machine } from "./machine.ts";
import type { Random } from "./random.ts";

/** What code must not take from the runtime where a run is to be repeatable. */
type Globals = Record<string, unknown>;

/** A timer as Node gives it, as far as programs use one. */
interface Timer {
  ref(): Timer;
  unref(): Timer;
  hasRef(): boolean;
  [Symbol.toPrimitive](): number;
}

const WATCHED = ["setTimeout", "setInterval", "setImmediate"] as const;
const ENDING = ["clearTimeout", "clearInterval", "clearImmediate"] as const;

/**
 * Puts virtual time and seeded chance in place of `Date`, timers, `performance.now` and
 * `Math.random`, for applications under test.
 *
 * @param used told the name of each thing that somebody uses.
 * @returns puts everything back.
 */
export function borrowGlobals(
  machine: Machine,
  random: Random,
  used: (name: string) => void,
): () => void {
  const host = globalThis as unknown as Globals;
  const undo: (() => void)[] = [];
  const put = (target: Globals, name: string, value: unknown): void => {
    const before = Object.getOwnPropertyDescriptor(target, name);
    const settings = { value, configurable: true, writable: true };
    Object.defineProperty(target, name, { ...settings, enumerable: before?.enumerable ?? false });
    undo.push(() => {
      if (before === undefined) delete target[name];
      else Object.defineProperty(target, name, before);
    });
  };
  const timers = new VirtualTimers(machine);
  for (const name of WATCHED) {
    put(host, name, (task: (...args: unknown[]) => void, delay?: unknown, ...args: unknown[]) => {
      used(name);
      if (name === "setImmediate") return timers.once(0, () => task(delay, ...args));
      const delayMs = Math.max(1, Number(delay) || 0);
      if (name === "setTimeout") return timers.once(delayMs, () => task(...args));
      return timers.every(delayMs, () => task(...args));
    });
  }
  for (const name of ENDING) put(host, name, (timer: unknown) => timers.clear(timer));
  put(host, "Date", virtualDate(machine, used));
  put(host["performance"] as Globals, "now", () => {
    used("performance.now");
    return machine.now();
  });
  put(Math as unknown as Globals, "random", () => {
    used("Math.random");
    return random.fraction();
  });
  return () => {
    for (const task of undo.reverse()) task();
  };
}

class VirtualTimers {
  readonly #machine: Machine;
  readonly #cancels = new Map<number, () => void>();
  #newest = 0;

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  once(delayMs: number, task: () => void): Timer {
    const id = this.#next();
    const cancel = this.#machine.clock.after(delayMs, () => {
      this.#cancels.delete(id);
      task();
    });
    this.#cancels.set(id, cancel);
    return timerOf(id);
  }

  every(periodMs: number, task: () => void): Timer {
    const id = this.#next();
    this.#cancels.set(id, this.#machine.clock.every(periodMs, task));
    return timerOf(id);
  }

  /** Takes a timer or its number; anything else is nobody's timer. */
  clear(timer: unknown): void {
    const id = Number(timer);
    this.#cancels.get(id)?.();
    this.#cancels.delete(id);
  }

  #next(): number {
    this.#newest += 1;
    return this.#newest;
  }
}

function timerOf(id: number): Timer {
  const timer: Timer = {
    ref: () => timer,
    unref: () => timer,
    hasRef: () => true,
    [Symbol.toPrimitive]: () => id,
  };
  return timer;
}

function virtualDate(machine: Machine, used: (name: string) => void): DateConstructor {
  return class extends Date {
    constructor(...given: [] | ConstructorParameters<DateConstructor>) {
      if (given.length > 0) {
        super(...(given as ConstructorParameters<DateConstructor>));
      } else {
        used("Date");
        super(machine.wallTime());
      }
    }

    static override now(): number {
      used("Date.now");
      return machine.wallTime();
    }
  } as unknown as DateConstructor;
}
