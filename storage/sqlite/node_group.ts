import { locateNodeRecord, type NodeRecord } from "../../core/contracts/node_record.ts";
import { getInt, JuteWriter, putInt } from "../../core/wire/jute.ts";
import type { NodeRows } from "./disk.ts";
import { crcOfPart } from "./log_check.ts";

/**
 * Slices are small, so that cutting one takes no time; a commit, which waits for a disk, is not.
 */
const FULL_BYTES = 256 << 10;
const SLACK_BYTES = 64 << 10;

/** Node records of several slices on their way into one change of the stored tree. */
export class NodeGroup {
  readonly #records = new JuteWriter(FULL_BYTES + SLACK_BYTES);
  readonly #crcs = new JuteWriter();
  readonly #found: NodeRecord = { pathStart: 0, pathEnd: 0, aclAt: 0, end: 0 };
  #starts: number[] = [];
  #pathSizes: number[] = [];

  get isFull(): boolean {
    return this.#records.length >= FULL_BYTES;
  }

  get isEmpty(): boolean {
    return this.#pathSizes.length === 0;
  }

  /** Copies records, with the ids that their lists have in the stored tree. */
  add(nodes: Uint8Array, storedIds: ReadonlyMap<number, number>): void {
    const offset = this.#records.length;
    this.#records.raw(nodes);
    const { bytes } = this.#records;
    const found = this.#found;
    for (let at = offset; at < this.#records.length; at = found.end) {
      locateNodeRecord(bytes, at, found);
      const id = getInt(bytes, found.aclAt + 4);
      const storedId = storedIds.get(id);
      if (storedId !== undefined) putInt(bytes, found.aclAt + 4, storedId);
      this.#crcs.int(crcOfPart(bytes, at, found.end));
      this.#starts.push(at);
      this.#pathSizes.push(found.pathEnd - found.pathStart);
    }
  }

  /** What was added since {@link clear}; its bytes are good until then. */
  rows(): NodeRows {
    return {
      records: this.#records.view(),
      starts: [...this.#starts, this.#records.length],
      pathSizes: this.#pathSizes,
      crcs: this.#crcs.view(),
    };
  }

  clear(): void {
    this.#records.clear();
    this.#crcs.clear();
    this.#starts = [];
    this.#pathSizes = [];
  }
}
