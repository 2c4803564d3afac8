import type { Cancel, Clock } from "../core/contracts/clock.ts";
import type { Entropy } from "../core/contracts/entropy.ts";
import type { Random } from "./random.ts";
import type { Due, Runner, Scheduler } from "./scheduler.ts";

/** What a process does that others, or its next life, could notice. */
export type EffectKind =
  | "peer-send"
  | "client-send"
  | "log"
  | "epoch"
  | "cut"
  | "tree"
  | "swap"
  | "members";

/** How a process ends: killed, its system closes the connections; without power, nobody is told. */
export type Ending = "killed" | "power-lost";

/** Wall time at the beginning of every run: 2025-01-01. */
const WALL_START_MS = 1_735_689_600_000;

/**
 * A computer that runs one process: its clocks, its chance, and whether it lives. All that its code
 * is ever called by comes through {@link later}, so that a dead process never acts again.
 */
export class Machine implements Runner {
  readonly name: string;
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  readonly entropy: Entropy;
  /** Called when the process dies, also at an effect. */
  readonly died: Set<(ending: Ending) => void> = new Set();
  #isAlive = true;
  #isPaused = false;
  #life = 1;
  #backlog: Due[] = [];
  #diedAt: EffectKind | undefined;
  #crash: { kind: EffectKind; left: number; ending: Ending } | undefined;
  #clockRate = 1;
  #clockMs = 0;
  #rateSinceMs = 0;
  #wallOffsetMs = 0;

  constructor(name: string, scheduler: Scheduler, random: Random) {
    this.name = name;
    this.scheduler = scheduler;
    const chance = random.fork(name);
    this.#clockMs = chance.between(0, 1_000_000);
    this.clock = new MachineClock(this);
    this.entropy = {
      uint32: () => chance.uint32(),
      fill: (target) => {
        for (let i = 0; i < target.length; i++) target[i] = chance.uint32();
      },
    };
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** Changes with every start, so that what belongs to a former life is known. */
  get life(): number {
    return this.#life;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** The effect at which the last life ended, as {@link crashAt} wanted. */
  get diedAt(): EffectKind | undefined {
    return this.#diedAt;
  }

  /** Begins a new life of a process that died. */
  start(): void {
    this.#diedAt = undefined;
    this.#life += 1;
    this.#isAlive = true;
    this.#isPaused = false;
  }

  /** Ends the process at once. */
  crash(ending: Ending): void {
    if (!this.#isAlive) return;
    this.#isAlive = false;
    this.#backlog = [];
    this.#crash = undefined;
    this.scheduler.note(`${this.name} ${ending}`);
    for (const listener of [...this.died]) listener(ending);
  }

  /** Lets the process die at the `count`th effect of a kind from now: before it takes place. */
  crashAt(kind: EffectKind, count: number, ending: Ending): void {
    this.#crash = { kind, left: count, ending };
  }

  /** Forgets what {@link crashAt} was told. */
  disarm(): void {
    this.#crash = undefined;
  }

  /** Called before each effect. @returns whether it may take place. */
  effect(kind: EffectKind): boolean {
    const crash = this.#crash;
    if (crash?.kind === kind) {
      crash.left -= 1;
      if (crash.left <= 0) {
        this.scheduler.note(`${this.name} dies at an effect: ${kind}`);
        this.#diedAt = kind;
        this.crash(crash.ending);
      }
    }
    return this.#isAlive;
  }

  /** Stops the process as SIGSTOP does: time goes on, and what is due waits. */
  pause(): void {
    if (!this.#isAlive || this.#isPaused) return;
    this.#isPaused = true;
    this.scheduler.note(`${this.name} paused`);
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.scheduler.note(`${this.name} resumed`);
    const backlog = this.#backlog;
    this.#backlog = [];
    // What is cancelled until then is not done.
    for (const due of backlog) this.soon(() => due.task?.());
  }

  /** Runs `task` in this life of the process, `delayMs` of virtual time from now. */
  later(delayMs: number, task: () => void): Cancel {
    if (!this.#isAlive) return () => {};
    const due = this.scheduler.put(delayMs, task, this, this.#life);
    return () => due.cancel();
  }

  /** As {@link later}, at once and for good. */
  soon(task: () => void): void {
    if (this.#isAlive) this.scheduler.put(0, task, this, this.#life);
  }

  /** Runs what is due if the process still lives; a paused one does so when it goes on. */
  run(due: Due): void {
    if (!this.#isAlive || due.life !== this.#life) return;
    if (this.#isPaused) this.#backlog.push(due);
    else due.task?.();
  }

  /** Monotonic ms of this machine, which may run faster or slower than virtual time. */
  now(): number {
    return this.#clockMs + (this.scheduler.nowMs - this.#rateSinceMs) * this.#clockRate;
  }

  wallTime(): number {
    return Math.floor(WALL_START_MS + this.scheduler.nowMs + this.#wallOffsetMs);
  }

  /** Virtual ms that `ms` of this machine take now. */
  toVirtual(ms: number): number {
    return ms / this.#clockRate;
  }

  /** From now on the clock runs `rate` times as fast, 1 being right. */
  drift(rate: number): void {
    this.#clockMs = this.now();
    this.#rateSinceMs = this.scheduler.nowMs;
    this.#clockRate = rate;
    this.scheduler.note(`${this.name} clock runs at ${rate}`);
  }

  /** Moves the wall clock, as an operator does; the monotonic one goes on. */
  jumpWall(ms: number): void {
    this.#wallOffsetMs += ms;
    this.scheduler.note(`${this.name} wall clock jumps by ${ms} ms`);
  }
}

class MachineClock implements Clock {
  readonly #machine: Machine;

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  now(): number {
    return this.#machine.now();
  }

  wallTime(): number {
    return this.#machine.wallTime();
  }

  after(delayMs: number, task: () => void): Cancel {
    return this.#machine.later(this.#machine.toVirtual(delayMs), task);
  }

  every(periodMs: number, task: () => void): Cancel {
    let cancel: Cancel = () => {};
    const arm = (): void => {
      cancel = this.after(periodMs, () => {
        arm(); // First, so that the task may cancel.
        task();
      });
    };
    arm();
    return () => cancel();
  }

  defer(task: () => void): void {
    this.#machine.soon(task);
  }
}
