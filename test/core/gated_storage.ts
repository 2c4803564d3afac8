import {
  type LogBatch,
  STORAGE,
  type Storage,
  StorageError,
} from "../../core/contracts/storage.ts";
import type { Plugin } from "../../core/kernel/plugin.ts";
import { MemoryStorage } from "../../storage/memory/mod.ts";

/** A memory storage whose appends wait while a gate is shut, or fail; it outlives its servers. */
export class GatedStorage {
  readonly #memory = new MemoryStorage();
  readonly #waiting: (() => void)[] = [];
  #isShut = false;
  #failure: StorageError | undefined;
  /** Batches that were asked for, done or not. */
  appends = 0;

  /** What a server gets. */
  readonly storage: Storage = new Proxy<Storage>(this.#memory, {
    get: (target, name) => {
      if (name === "append") return (batch: LogBatch) => this.#append(batch);
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });

  /** From now on nothing reaches the disk. */
  shut(): void {
    this.#isShut = true;
  }

  /** Lets everything that waits reach the disk, in order. */
  open(): void {
    this.#isShut = false;
    for (const go of this.#waiting.splice(0)) go();
  }

  /** From now on the disk is full. */
  fail(): void {
    this.#failure = new StorageError("full", "no space is left");
    this.open();
  }

  plugin(): Plugin {
    return {
      name: "gated-storage",
      provides: [STORAGE],
      requires: [],
      register: (container) => container.value(STORAGE, this.storage),
    };
  }

  async #append(batch: LogBatch): Promise<void> {
    this.appends += 1;
    if (this.#isShut) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (this.#failure !== undefined) throw this.#failure;
    await this.#memory.append(batch);
  }
}
