import { randomFillSync } from "node:crypto";
import type { Entropy } from "../../core/contracts/entropy.ts";

const POOL_COUNT = 256;

/** The machine's random generator. Single numbers come from a pool, which is filled in one call. */
export class SystemEntropy implements Entropy {
  readonly #pool = new Uint32Array(POOL_COUNT);
  #used = POOL_COUNT;

  uint32(): number {
    if (this.#used === POOL_COUNT) {
      randomFillSync(this.#pool);
      this.#used = 0;
    }
    const value = this.#pool[this.#used] ?? 0;
    this.#used += 1;
    return value;
  }

  fill(target: Uint8Array): void {
    randomFillSync(target);
  }
}
