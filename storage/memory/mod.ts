/**
 * Storage that forgets: for tests, for embedding, for servers whose data may go with the process.
 *
 * ```ts
 * import { memoryStorage } from "zookit/storage/memory";
 *
 * console.log(memoryStorage().name); // storage-memory
 * ```
 */
import { STORAGE } from "../../core/contracts/storage.ts";
import type { Plugin } from "../../core/kernel/plugin.ts";
import { MemoryStorage } from "./memory_storage.ts";

export { MemoryStorage } from "./memory_storage.ts";

/** Keeps log, tree and epochs in memory: `traits.durable` is false. */
export function memoryStorage(): Plugin {
  return {
    name: "storage-memory",
    provides: [STORAGE],
    requires: [],
    register: (container) => container.bind(STORAGE, MemoryStorage),
  };
}
