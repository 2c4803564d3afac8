import type { Random } from "../random.ts";
import type { World } from "../world.ts";
import { AIMED_FAULTS } from "./aimed_faults.ts";
import { ENSEMBLE_FAULTS, FAULTS, type Fault, type FaultScene } from "./faults.ts";
import { RECONFIG_FAULTS } from "./reconfig_faults.ts";

/** Faults that may hold at the same time. */
const AT_ONCE_MAX = 2;
const RESTART_MS = 300;

/** Chooses what goes wrong, and when. */
export class Nemesis {
  /** Kinds of faults that were done. */
  readonly done: Set<string> = new Set();
  readonly #scene: FaultScene;
  readonly #chosen: readonly (readonly [name: string, fault: Fault])[];
  readonly #pauseMs: number;
  readonly #running = new Set<Promise<void>>();
  #isStopped = false;

  /** @param isReconfigurable whether the members may change. */
  constructor(scene: FaultScene, isReconfigurable: boolean) {
    this.#scene = scene;
    const { world, random } = scene;
    const isEnsemble = world.servers.length > 1;
    const possible = Object.entries(FAULTS).filter(
      ([name]) => isEnsemble || !ENSEMBLE_FAULTS.has(name),
    );
    // Each run has some of them: what is always disturbed by all of them shows less.
    const count = 3 + random.below(4);
    const aimed = isEnsemble ? random.shuffle(Object.entries(AIMED_FAULTS)).slice(0, 2) : [];
    const changing = isReconfigurable ? Object.entries(RECONFIG_FAULTS) : [];
    this.#chosen = [...random.shuffle(possible).slice(0, count), ...aimed, ...changing];
    this.#pauseMs = random.between(500, 3_000);
  }

  /** Disturbs until {@link stop}. */
  async run(): Promise<void> {
    const { world, random, count } = this.#scene;
    while (!this.#isStopped) {
      await world.sleep(random.between(0.2, 2) * this.#pauseMs);
      if (this.#isStopped || this.#running.size >= AT_ONCE_MAX) continue;
      const [name, fault] = random.pick(this.#chosen);
      world.scheduler.note(`fault: ${name}`);
      count(name);
      this.done.add(name);
      const running = fault(this.#scene).finally(() => this.#running.delete(running));
      this.#running.add(running);
    }
    await Promise.all(this.#running);
  }

  stop(): void {
    this.#isStopped = true;
  }
}

/** Starts servers whose processes have ended, as a supervisor does. */
export class Supervisor {
  readonly #world: World;
  readonly #random: Random;
  readonly #held: ReadonlySet<number>;
  #isStopped = false;

  /** @param held ids of servers that it leaves down. */
  constructor(world: World, held: ReadonlySet<number>) {
    this.#world = world;
    this.#held = held;
    this.#random = world.random.fork("supervisor");
  }

  async run(): Promise<void> {
    const downSince = new Map<number, number>();
    while (!this.#isStopped) {
      await this.#world.sleep(100);
      for (const server of this.#world.servers) {
        if (server.isRunning || this.#held.has(server.id)) {
          downSince.delete(server.id);
          continue;
        }
        const since = downSince.get(server.id) ?? this.#world.nowMs;
        downSince.set(server.id, since);
        if (this.#world.nowMs - since < RESTART_MS * (1 + this.#random.below(8))) continue;
        downSince.delete(server.id);
        // A start that fails ends the process again.
        server.start().catch(() => {});
      }
    }
  }

  stop(): void {
    this.#isStopped = true;
  }
}
