/**
 * Storage in the files of Apache ZooKeeper, so that either server starts where the other one
 * stopped; see docs/apache-files.md.
 *
 * ```ts
 * import { apacheStorage } from "zookit/storage/apache";
 *
 * console.log(apacheStorage({ dataDir: "/var/lib/zookeeper" }).name); // storage-apache
 * ```
 */
import { STORAGE } from "../../core/contracts/storage.ts";
import type { Plugin } from "../../core/kernel/plugin.ts";
import { type ApacheOptions, ApacheStorage } from "./apache_storage.ts";

export { type ApacheOptions, ApacheStorage } from "./apache_storage.ts";
export { readServerId, writeServerId } from "./epochs.ts";

/**
 * Keeps log, tree and epochs as Apache does. Nothing is opened before the server starts.
 *
 * @throws {RangeError} for an option out of bounds.
 */
export function apacheStorage(options: ApacheOptions): Plugin {
  const storage = new ApacheStorage(options);
  return {
    name: "storage-apache",
    provides: [STORAGE],
    requires: [],
    register: (container) => container.provide(STORAGE, () => storage),
  };
}
