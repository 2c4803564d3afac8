import type { Cancel } from "../core/contracts/clock.ts";
import { Trace } from "./trace.ts";

// Taken before anybody can put something else in its place.
const nextTurn = globalThis.setImmediate;

/** Turns asked for together. */
const TURNS_AT_ONCE = 32;

/** Has a say in whether, and when, what is due takes place. */
export interface Runner {
  run(due: Due): void;
}

/** Something that is to take place at a time. */
export class Due {
  readonly atMs: number;
  /** Among things due at the same time, what was asked for first is first. */
  readonly order: number;
  /** Undefined once cancelled. */
  task: (() => void) | undefined;
  /** Whoever runs it; by default it is just done. */
  readonly runner: Runner | undefined;
  /** The runner's life in which it was asked for. */
  readonly life: number;

  constructor(
    atMs: number,
    order: number,
    task: () => void,
    runner: Runner | undefined,
    life: number,
  ) {
    this.atMs = atMs;
    this.order = order;
    this.task = task;
    this.runner = runner;
    this.life = life;
  }

  cancel(): void {
    this.task = undefined;
  }
}

/**
 * Virtual time. What is due runs one by one, each in a turn of the real event loop of its own, so
 * that all that it resolved has been followed to the end before the next begins: that, and no other
 * source of time or chance, makes a run repeatable.
 */
export class Scheduler {
  readonly trace: Trace = new Trace();
  #nowMs = 0;
  #order = 0;
  #turns = 0;
  readonly #heap: Due[] = [];

  /** Virtual ms since the beginning, with fraction. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Things done so far. */
  get turns(): number {
    return this.#turns;
  }

  /** Runs `task` once, `delayMs` (0 or more) from now. */
  after(delayMs: number, task: () => void): Cancel {
    const due = this.put(delayMs, task);
    return () => due.cancel();
  }

  /** As {@link after}, for those who ask often. @param runner decides when the time has come. */
  put(delayMs: number, task: () => void, runner?: Runner, life = 0): Due {
    const due = new Due(this.#nowMs + Math.max(0, delayMs), this.#order, task, runner, life);
    this.#order += 1;
    this.#push(due);
    return due;
  }

  /** A line of the trace. */
  note(text: string): void {
    this.trace.line(this.#nowMs, text);
  }

  /**
   * Lets time pass until `isOver`, which is asked before each thing that is due.
   *
   * @throws what a task throws, and an error when nothing is left to be done.
   */
  run(isOver: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      let asked = 0;
      let isDone = false;
      const turn = (): void => {
        asked -= 1;
        if (isDone) return;
        try {
          if (isOver()) {
            isDone = true;
            return resolve();
          }
          this.#step();
        } catch (error) {
          isDone = true;
          return reject(error);
        }
        if (asked === 0) ask();
      };
      // Several turns are asked for at once, since asking the system for events takes long. Between
      // two of them the runtime follows all promises as well.
      const ask = (): void => {
        for (; asked < TURNS_AT_ONCE; asked++) nextTurn(turn);
      };
      ask();
    });
  }

  #step(): void {
    let due = this.#pop();
    while (due.task === undefined) due = this.#pop();
    this.#nowMs = due.atMs;
    this.#turns += 1;
    if (due.runner === undefined) due.task();
    else due.runner.run(due);
  }

  #push(due: Due): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(due);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Due;
      if (isBefore(above, due)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = due;
  }

  #pop(): Due {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined) {
      throw new Error("nothing is left that could happen, and the run is not over");
    }
    if (heap.length > 0) this.#sink(last);
    return first;
  }

  /** Puts `due` in the place of the first and lets it find its own. */
  #sink(due: Due): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      if (left >= heap.length) break;
      const right = heap[left + 1];
      const isLeft = right === undefined || isBefore(heap[left] as Due, right);
      const child = isLeft ? left : left + 1;
      const below = heap[child] as Due;
      if (isBefore(due, below)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = due;
  }
}

function isBefore(a: Due, b: Due): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
