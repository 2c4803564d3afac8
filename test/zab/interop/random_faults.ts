import type { Random } from "../../../simulation/random.ts";
import type { Members } from "../ensemble/members.ts";

/** Longest time that a fault lasts, ms: beyond `syncLimit` ticks, so that some are noticed. */
const FAULT_MS_MAX = 5_000;
const FAULTS = [
  "kill",
  "kill leader",
  "kill two",
  "kill all",
  "stop",
  "cut",
  "cut off",
  "stall",
  "stall",
] as const;

/** Does to three members, tapped, whatever may happen to servers and their links, at random. */
export class RandomFaults {
  readonly done: string[] = [];
  readonly #members: Members;
  readonly #random: Random;

  constructor(members: Members, random: Random) {
    this.#members = members;
    this.#random = random;
  }

  /** One fault and its end; then, mostly, all serve again before this resolves. */
  async next(): Promise<void> {
    const fault = this.#random.pick(FAULTS);
    if (fault === "kill leader") {
      await this.killLeader();
      return;
    }
    const victims = this.#random.shuffle(this.#members.ids);
    this.done.push(`${fault} ${victims.join("-")}`);
    await this.#perform(fault, victims);
    if (this.#random.chance(0.8)) await this.#members.serving();
  }

  /** Kills whoever leads; all serve again before this resolves. @returns who that was. */
  async killLeader(): Promise<number> {
    const leader = await this.#members.serving();
    this.done.push(`kill leader ${leader}`);
    await this.#kill([leader]);
    await this.#members.serving();
    return leader;
  }

  async #perform(
    fault: Exclude<(typeof FAULTS)[number], "kill leader">,
    [one = 0, two = 0, three = 0]: readonly number[],
  ): Promise<void> {
    const { tap } = this.#members;
    switch (fault) {
      case "kill":
        return this.#kill([one]);
      case "kill two":
        return this.#kill([one, two]);
      case "kill all":
        return this.#kill([one, two, three]);
      case "stop":
        await this.#members.signal(one, "SIGSTOP");
        await this.#pass();
        return this.#members.signal(one, "SIGCONT");
      case "cut":
        tap.cut(one, two);
        break;
      case "cut off":
        tap.cut(one, two);
        tap.cut(one, three);
        break;
      case "stall":
        tap.stall(one, two);
        if (this.#random.chance(0.5)) tap.stall(one, three);
    }
    await this.#pass();
    tap.heal();
  }

  async #kill(ids: readonly number[]): Promise<void> {
    await Promise.all(ids.map((id) => this.#members.signal(id, "SIGKILL")));
    if (this.#random.chance(0.5)) await this.#pass();
    for (const id of ids) this.#members.start(id);
  }

  /** Faults last for a time, not until something happens. */
  #pass(): Promise<void> {
    const ms = this.#random.between(0, FAULT_MS_MAX);
    return new Promise((resolve) => setTimeout(resolve, ms));
  }
}
