import { Machine } from "../../simulation/machine.ts";
import { Random } from "../../simulation/random.ts";
import { Scheduler } from "../../simulation/scheduler.ts";

/** A scheduler whose time runs on by itself, for suites that know nothing of it. */
export class Pump {
  readonly scheduler: Scheduler = new Scheduler();
  readonly random: Random = new Random(1);
  #isOver = false;

  constructor() {
    const keeper = new Machine("keeper", this.scheduler, this.random);
    keeper.clock.every(1_000, () => {}); // There is always something left to happen.
    void this.scheduler.run(() => this.#isOver);
  }

  machine(name: string): Machine {
    return new Machine(name, this.scheduler, this.random);
  }

  stop(): void {
    this.#isOver = true;
  }
}
