import type { AclRecord } from "../../core/contracts/storage.ts";
import { JuteWriter } from "../../core/wire/jute.ts";
import { writeAcls } from "../../core/wire/records.ts";
import type { PartRow } from "./disk.ts";
import { partCrc } from "./log_check.ts";

/**
 * Ids of access control lists in the stored tree. Those of a snapshot are its own, so that two
 * checkpoints may use one id for different lists; a stored id means one list for ever.
 */
export class StoredAcls {
  readonly #idOf = new Map<string, number>();
  readonly #taken = new Set<number>();
  #highest = 0;

  constructor(parts: readonly PartRow[] = []) {
    for (const { id, bytes } of parts) this.#add(keyOf(bytes), id);
  }

  /**
   * Notes in `storedIds` what the ids of `records` are in the stored tree.
   *
   * @returns a new array of the lists that are not stored yet.
   */
  take(records: readonly AclRecord[], storedIds: Map<number, number>): PartRow[] {
    const fresh: PartRow[] = [];
    for (const { id, acls } of records) {
      const writer = new JuteWriter();
      writeAcls(writer, acls);
      const bytes = writer.copy();
      const key = keyOf(bytes);
      let storedId = this.#idOf.get(key);
      if (storedId === undefined) {
        // The same id when it is free, so that the records need no change.
        storedId = this.#taken.has(id) ? this.#highest + 1 : id;
        this.#add(key, storedId);
        const part = { id: storedId, bytes };
        fresh.push({ ...part, crc: partCrc(part) });
      }
      storedIds.set(id, storedId);
    }
    return fresh;
  }

  #add(key: string, id: number): void {
    this.#idOf.set(key, id);
    this.#taken.add(id);
    this.#highest = Math.max(this.#highest, id);
  }
}

function keyOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}
