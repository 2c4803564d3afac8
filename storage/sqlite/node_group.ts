import { locateNodeRecord, type NodeRecord } from "../../core/contracts/node_record.ts";
import { getInt, JuteWriter, putInt } from "../../core/wire/jute.ts";
import type { NodeRows } from "./disk.ts";
import { crcOfPart } from "./log_check.ts";

/**
 * Slices are small, so that cutting one takes no time; a commit, which waits for a disk, is not.
 */
const FULL_BYTES = 256 << 10;
/** A checkpoint of a small change needs little; that of a whole tree makes the group grow once. */
const FRESH_BYTES = 16 << 10;
const FRESH_RECORDS = 128;

/** Node records of several slices on their way into one change of the stored tree. */
export class NodeGroup {
  readonly #records = new JuteWriter(FRESH_BYTES);
  readonly #crcs = new JuteWriter();
  readonly #found: NodeRecord = { pathStart: 0, pathEnd: 0, aclAt: 0, end: 0 };
  // Used again for each group, as all here is: a collector's work is a pause for every client.
  #starts = new Int32Array(FRESH_RECORDS);
  #pathSizes = new Int32Array(FRESH_RECORDS);
  #count = 0;

  get isFull(): boolean {
    return this.#records.length >= FULL_BYTES;
  }

  get isEmpty(): boolean {
    return this.#count === 0;
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
      if (this.#count + 1 === this.#starts.length) this.#grow();
      this.#starts[this.#count] = at;
      this.#pathSizes[this.#count] = found.pathEnd - found.pathStart;
      this.#count += 1;
    }
  }

  /** What was added since {@link clear}; its bytes are good until then. */
  rows(): NodeRows {
    this.#starts[this.#count] = this.#records.length;
    return {
      records: this.#records.view(),
      starts: this.#starts.subarray(0, this.#count + 1),
      pathSizes: this.#pathSizes.subarray(0, this.#count),
      crcs: this.#crcs.view(),
    };
  }

  clear(): void {
    this.#records.clear();
    this.#crcs.clear();
    this.#count = 0;
  }

  #grow(): void {
    const starts = new Int32Array(this.#starts.length * 2);
    const pathSizes = new Int32Array(starts.length);
    starts.set(this.#starts);
    pathSizes.set(this.#pathSizes);
    this.#starts = starts;
    this.#pathSizes = pathSizes;
  }
}
