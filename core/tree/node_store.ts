import { InvariantError } from "../errors/invariant.ts";
import { putPart } from "../wire/jute.ts";
import { STAT_INTS } from "./digest.ts";
import { Slab } from "./slab.ts";

/**
 * Where znodes live: a node is an index, its numbers are one record of 128 bytes in a segment of
 * records, its data and a long name are blocks of a slab. Nothing here is an object, so a million
 * znodes give the garbage collector nothing to look at; and all of a node is on two cache lines.
 * Only this file knows the layout.
 *
 * The first {@link STAT_INTS} fields of a record are the node's stat as `digest.ts` lays it out.
 */
export class NodeStore {
  readonly slab: Slab = new Slab();
  readonly #ints: Int32Array[] = [];
  readonly #bytes: Uint8Array[] = [];
  #firstFree = NONE;
  #end = 0;
  /** Records that there is memory for. */
  #capacity = 0;

  /** Indexes from here on were never used. */
  get end(): number {
    return this.#end;
  }

  /** Memory held, used or not. */
  get bytesHeld(): number {
    return this.#end * RECORD_BYTES + this.slab.bytesHeld;
  }

  /** Takes an index whose links are {@link NONE} and whose other fields are 0. */
  allocate(): number {
    const node = this.#firstFree;
    if (node !== NONE) {
      this.#firstFree = this.get(node, NEXT_SIBLING);
      this.ints(node).fill(0, this.base(node), this.base(node) + RECORD_INTS);
    } else {
      if (this.#end === NODES_MAX) throw new InvariantError(`more than ${NODES_MAX} znodes`);
      if (this.#end === this.#capacity) this.#grow();
    }
    const taken = node === NONE ? this.#end++ : node;
    const ints = this.ints(taken);
    const at = this.base(taken);
    for (let field = FIRST_LINK; field <= LAST_LINK; field++) ints[at + field] = NONE;
    return taken;
  }

  /** Gives the index, the data and the name back. */
  release(node: number): void {
    this.slab.free(this.get(node, DATA_REF), this.get(node, DATA_LENGTH));
    const nameBytes = this.nameLength(node);
    if (nameBytes > NAME_INLINE_BYTES) this.slab.free(this.get(node, NAME), nameBytes);
    this.set(node, NAME_LENGTH, FREE);
    this.set(node, NEXT_SIBLING, this.#firstFree);
    this.#firstFree = node;
  }

  /** Whether an index below {@link end} is a node. */
  isUsed(node: number): boolean {
    return this.get(node, NAME_LENGTH) !== FREE;
  }

  get(node: number, field: number): number {
    return (this.#ints[node >>> SEGMENT_BITS] as Int32Array)[
      ((node & SEGMENT_MASK) << RECORD_INTS_BITS) + field
    ] as number;
  }

  set(node: number, field: number, value: number): void {
    (this.#ints[node >>> SEGMENT_BITS] as Int32Array)[
      ((node & SEGMENT_MASK) << RECORD_INTS_BITS) + field
    ] = value;
  }

  /** The array that holds the node's record, from {@link base} on. */
  ints(node: number): Int32Array {
    return this.#ints[node >>> SEGMENT_BITS] as Int32Array;
  }

  base(node: number): number {
    return (node & SEGMENT_MASK) << RECORD_INTS_BITS;
  }

  nameLength(node: number): number {
    return this.get(node, NAME_LENGTH) & NAME_LENGTH_MASK;
  }

  /** Whether the node lies below `/zookeeper`; kept with the name, which never changes either. */
  isSystem(node: number): boolean {
    return (this.get(node, NAME_LENGTH) & SYSTEM_FLAG) !== 0;
  }

  /** Sets name `source[start..end)` of a node just allocated. */
  setName(node: number, isSystem: boolean, source: Uint8Array, start: number, end: number): void {
    const length = end - start;
    this.set(node, NAME_LENGTH, isSystem ? length | SYSTEM_FLAG : length);
    if (length > NAME_INLINE_BYTES) this.set(node, NAME, this.slab.store(source, start, end));
    else putPart(this.#segmentBytes(node), inlineNameAt(node), source, start, end);
  }

  /** Copies the name to `target[at..)`, for which the caller made room. */
  copyName(node: number, target: Uint8Array, at: number): void {
    const length = this.nameLength(node);
    const source = this.#nameArray(node, length);
    const from = this.#nameOffset(node, length);
    putPart(target, at, source, from, from + length);
  }

  /** Whether `path[start..end)`, of which all before `end` is compared, leads to the node. */
  hasPath(node: number, path: Uint8Array, start: number, end: number): boolean {
    let to = end;
    for (let n = node; n !== ROOT; ) {
      const ints = this.ints(n);
      const at = this.base(n);
      const length = (ints[at + NAME_LENGTH] as number) & NAME_LENGTH_MASK;
      const from = to - length;
      if (from <= start || path[from - 1] !== SLASH) return false;
      const name = this.#nameArray(n, length);
      for (let i = from, j = this.#nameOffset(n, length); i < to; i++, j++) {
        if (path[i] !== name[j]) return false;
      }
      to = from - 1;
      n = ints[at + PARENT] as number;
    }
    return to === start;
  }

  /** Replaces the data by `source[start..end)`; `end` below `start` stands for null. */
  setData(node: number, source: Uint8Array, start: number, end: number): void {
    const oldLength = this.get(node, DATA_LENGTH);
    const ref = this.get(node, DATA_REF);
    if (end < start) this.slab.free(ref, oldLength);
    else this.set(node, DATA_REF, this.slab.replace(ref, oldLength, source, start, end));
    this.set(node, DATA_LENGTH, end < start ? NULL_DATA : end - start);
  }

  /** The array that holds the data, from {@link dataOffset} on. */
  dataArray(node: number): Uint8Array {
    const length = this.get(node, DATA_LENGTH);
    return this.slab.arrayOf(this.get(node, DATA_REF), length < 0 ? 0 : length);
  }

  dataOffset(node: number): number {
    return this.slab.offsetOf(this.get(node, DATA_REF), this.get(node, DATA_LENGTH));
  }

  /** Appends a child to its parent's children. */
  link(parent: number, child: number): void {
    this.set(child, PARENT, parent);
    const first = this.get(parent, FIRST_CHILD);
    if (first === NONE) {
      this.set(parent, FIRST_CHILD, child);
      this.set(child, PREVIOUS_SIBLING, child);
    } else {
      // The first child's previous one is the last, which makes appending cheap.
      const last = this.get(first, PREVIOUS_SIBLING);
      this.set(last, NEXT_SIBLING, child);
      this.set(child, PREVIOUS_SIBLING, last);
      this.set(first, PREVIOUS_SIBLING, child);
    }
    this.set(parent, CHILD_COUNT, this.get(parent, CHILD_COUNT) + 1);
  }

  /** Takes a child out of its parent's children. */
  unlink(child: number): void {
    const parent = this.get(child, PARENT);
    const first = this.get(parent, FIRST_CHILD);
    const previous = this.get(child, PREVIOUS_SIBLING);
    const next = this.get(child, NEXT_SIBLING);
    if (child === first) this.set(parent, FIRST_CHILD, next);
    else this.set(previous, NEXT_SIBLING, next);
    if (next !== NONE) this.set(next, PREVIOUS_SIBLING, previous);
    else if (child !== first) this.set(first, PREVIOUS_SIBLING, previous);
    this.set(parent, CHILD_COUNT, this.get(parent, CHILD_COUNT) - 1);
  }

  #nameArray(node: number, length: number): Uint8Array {
    if (length <= NAME_INLINE_BYTES) return this.#segmentBytes(node);
    return this.slab.arrayOf(this.get(node, NAME), length);
  }

  #nameOffset(node: number, length: number): number {
    if (length <= NAME_INLINE_BYTES) return inlineNameAt(node);
    return this.slab.offsetOf(this.get(node, NAME), length);
  }

  #segmentBytes(node: number): Uint8Array {
    return this.#bytes[node >>> SEGMENT_BITS] as Uint8Array;
  }

  /** The first segment begins small and doubles: many a tree is small, and replaced soon. */
  #grow(): void {
    const isWhole = this.#capacity % SEGMENT_RECORDS === 0;
    // Untouched memory of a whole segment costs address space only.
    const count = this.#capacity === 0 ? FIRST_RECORDS : SEGMENT_RECORDS;
    const records = isWhole ? count : this.#capacity * 2;
    const ints = new Int32Array(records * RECORD_INTS);
    const index = this.#end >>> SEGMENT_BITS;
    const before = this.#ints[index];
    if (before !== undefined) ints.set(before);
    this.#ints[index] = ints;
    this.#bytes[index] = new Uint8Array(ints.buffer);
    this.#capacity = index * SEGMENT_RECORDS + records;
  }
}

function inlineNameAt(node: number): number {
  return ((node & SEGMENT_MASK) * RECORD_INTS + NAME) * 4;
}

/** A tree holds at most so many znodes, 67 million; whoever makes them refuses the next. */
export const NODES_MAX = 0x400_0000;
/** No node. */
export const NONE = -1;
/** The root's index. */
export const ROOT = 0;
/** {@link DATA_LENGTH} of a node whose data is null. */
export const NULL_DATA = -1;

// Fields of a record after those of `STAT`.
/** Number of children. */
export const CHILD_COUNT: number = STAT_INTS;
/** Running CRC of path and data. */
export const PATH_AND_DATA_CRC = 16;
/** The node's part of the tree digest. */
export const DIGEST = 17;
/** Id of the interned ACL list; -1 for world:anyone:all. */
export const ACL_ID = 18;
/** Next ephemeral of the same session in order of creation; {@link NONE} at the end. */
export const NEXT_EPHEMERAL = 19;
/** The way back of {@link NEXT_EPHEMERAL}. */
export const PREVIOUS_EPHEMERAL = 20;
/** The way back of {@link NEXT_SIBLING}. */
const PREVIOUS_SIBLING = 21;
/** Next child of the same parent; {@link NONE} at the end. */
export const NEXT_SIBLING = 22;
/** First child; {@link NONE} without children. */
export const FIRST_CHILD = 23;
/** The parent's index; {@link NONE} for the root. */
export const PARENT = 24;
const DATA_REF = 25;
/** Size of the data in bytes; {@link NULL_DATA} for null. */
export const DATA_LENGTH = 26;
const NAME_LENGTH = 27;
const NAME = 28;
const FIRST_LINK = NEXT_EPHEMERAL;
const LAST_LINK = PARENT;

const RECORD_INTS_BITS = 5;
const RECORD_INTS = 1 << RECORD_INTS_BITS;
const RECORD_BYTES = RECORD_INTS * 4;
const SEGMENT_BITS = 15;
const SEGMENT_RECORDS = 1 << SEGMENT_BITS;
const SEGMENT_MASK = SEGMENT_RECORDS - 1;
/** Records that a tree begins with. */
const FIRST_RECORDS = 128;
const NAME_INLINE_BYTES = 16;
const NAME_LENGTH_MASK = 0xff_ffff;
const SYSTEM_FLAG = 0x100_0000;
const FREE = -1;
const SLASH = 0x2f;
