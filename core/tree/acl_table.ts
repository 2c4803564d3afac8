import { InvariantError } from "../errors/invariant.ts";
import { JuteReader, JuteWriter } from "../wire/jute.ts";
import { type Acl, OPEN_ACL, readAcls, writeAcls } from "../wire/records.ts";

/** The id of world:anyone:all, which is in no table (PP 1.2). */
export const OPEN_ACL_ID = -1;

interface Entry {
  readonly key: string;
  readonly acls: readonly Acl[];
  holders: number;
}

/**
 * Access control lists, each kept once however many nodes have it. Ids are never used again, also
 * not after a list was dropped because its last holder went.
 */
export class AclTable {
  readonly #byId = new Map<number, Entry>();
  readonly #idByKey = new Map<string, number>();
  readonly #reader = new JuteReader(NOTHING);
  #lastId = 0;
  #keyCharacters = 0;
  #recentId = OPEN_ACL_ID;
  #recentBytes: Uint8Array = OPEN_ACL_BYTES;

  /** Lists beside world:anyone:all. */
  get size(): number {
    return this.#byId.size;
  }

  /** Memory of the lists, bytes: an estimate on the safe side. */
  get bytesHeld(): number {
    return this.#keyCharacters * BYTES_PER_CHARACTER;
  }

  /**
   * The id of an encoded list; the caller holds it until {@link release}. Costs a comparison when
   * it is open or the same as the last time. A null list is world:anyone:all, as in Java.
   *
   * @throws {ZkError} `MarshallingError` when the bytes are not a list.
   */
  internBytes(bytes: Uint8Array, start: number, end: number): number {
    if (isEqual(OPEN_ACL_BYTES, bytes, start, end)) return OPEN_ACL_ID;
    if (isEqual(this.#recentBytes, bytes, start, end)) return this.retain(this.#recentId);
    this.#reader.reset(bytes, start, end);
    const id = this.intern(readAcls(this.#reader) ?? OPEN_ACL);
    this.#recentId = id;
    this.#recentBytes = bytes.slice(start, end);
    return id;
  }

  /** As {@link internBytes}; keeps the list. */
  intern(acls: readonly Acl[]): number {
    const key = keyOf(acls);
    if (key === OPEN_ACL_KEY) return OPEN_ACL_ID;
    const known = this.#idByKey.get(key);
    if (known !== undefined) return this.retain(known);
    const id = ++this.#lastId;
    this.#byId.set(id, { key, acls, holders: 1 });
    this.#idByKey.set(key, id);
    this.#keyCharacters += key.length;
    return id;
  }

  /** One holder more. @returns the id. */
  retain(id: number): number {
    if (id !== OPEN_ACL_ID) this.#entry(id).holders += 1;
    return id;
  }

  /** One holder less; with the last one the list goes. */
  release(id: number): void {
    if (id === OPEN_ACL_ID) return;
    const entry = this.#entry(id);
    entry.holders -= 1;
    if (entry.holders > 0) return;
    this.#byId.delete(id);
    this.#idByKey.delete(entry.key);
    this.#keyCharacters -= entry.key.length;
    if (this.#recentId !== id) return;
    this.#recentId = OPEN_ACL_ID;
    this.#recentBytes = OPEN_ACL_BYTES;
  }

  /** The ids that have a holder, in the order they were given. */
  ids(): IterableIterator<number> {
    return this.#byId.keys();
  }

  /** The list of an id that has a holder. */
  list(id: number): readonly Acl[] {
    return id === OPEN_ACL_ID ? OPEN_ACL : this.#entry(id).acls;
  }

  #entry(id: number): Entry {
    const entry = this.#byId.get(id);
    if (entry === undefined) throw new InvariantError(`no ACL list has id ${id}`);
    return entry;
  }
}

/** Of a key: itself, and the entries with their texts. */
const BYTES_PER_CHARACTER = 8;

function keyOf(acls: readonly Acl[]): string {
  return JSON.stringify(acls.map(({ perms, scheme, id }) => [perms, scheme, id]));
}

function encode(acls: readonly Acl[]): Uint8Array {
  const writer = new JuteWriter();
  writeAcls(writer, acls);
  return writer.copy();
}

function isEqual(known: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (known.length !== end - start) return false;
  for (let i = 0; i < known.length; i++) if (known[i] !== bytes[start + i]) return false;
  return true;
}

const NOTHING = new Uint8Array(0);
const OPEN_ACL_BYTES = encode(OPEN_ACL);
const OPEN_ACL_KEY = keyOf(OPEN_ACL);
