import { putPart } from "../wire/jute.ts";

/**
 * Bytes outside the garbage collector's sight, named by an int32. Blocks of up to
 * {@link BLOCK_BYTES_MAX} lie in pages of one size class each; a page that becomes empty is given
 * back, so that fragmentation is at most what partly filled pages of each class hold. Larger ones
 * have their own array. Whoever holds a reference also knows the size and says it.
 */
export class Slab {
  readonly #pages: Page[] = [];
  readonly #freePageIndexes: number[] = [];
  /** For each size class the first page with room; the others hang on it. */
  readonly #withRoom: (Page | undefined)[] = new Array(CLASS_COUNT).fill(undefined);
  readonly #large: Uint8Array[] = [];
  readonly #freeLargeIndexes: number[] = [];
  #bytesHeld = 0;

  /** Memory held, used or not. */
  get bytesHeld(): number {
    return this.#bytesHeld;
  }

  /** Copies `source[start..end)`. @returns a reference; 0 for no bytes, which needs no block. */
  store(source: Uint8Array, start: number, end: number): number {
    const sizeBytes = end - start;
    if (sizeBytes === 0) return 0;
    const ref = sizeBytes > BLOCK_BYTES_MAX ? this.#takeLarge(sizeBytes) : this.#take(sizeBytes);
    putPart(this.arrayOf(ref, sizeBytes), this.offsetOf(ref, sizeBytes), source, start, end);
    return ref;
  }

  /** As `free` and `store`, in place where the new bytes fit the old block's class. */
  replace(ref: number, oldBytes: number, source: Uint8Array, start: number, end: number): number {
    const newBytes = end - start;
    const same =
      oldBytes > 0 &&
      newBytes > 0 &&
      oldBytes <= BLOCK_BYTES_MAX &&
      newBytes <= BLOCK_BYTES_MAX &&
      classOf(oldBytes) === classOf(newBytes);
    if (!same) {
      this.free(ref, oldBytes);
      return this.store(source, start, end);
    }
    putPart((this.#pages[ref >>> UNIT_BITS] as Page).bytes, unitOffset(ref), source, start, end);
    return ref;
  }

  free(ref: number, sizeBytes: number): void {
    if (sizeBytes <= 0) return;
    if (sizeBytes <= BLOCK_BYTES_MAX) return this.#give(ref);
    this.#large[ref] = NOTHING;
    this.#freeLargeIndexes.push(ref);
    this.#bytesHeld -= sizeBytes;
  }

  /** The array that the block lies in, at {@link offsetOf}. */
  arrayOf(ref: number, sizeBytes: number): Uint8Array {
    if (sizeBytes === 0) return NOTHING;
    if (sizeBytes > BLOCK_BYTES_MAX) return this.#large[ref] as Uint8Array;
    return (this.#pages[ref >>> UNIT_BITS] as Page).bytes;
  }

  offsetOf(ref: number, sizeBytes: number): number {
    return sizeBytes > BLOCK_BYTES_MAX ? 0 : unitOffset(ref);
  }

  #takeLarge(sizeBytes: number): number {
    const index = this.#freeLargeIndexes.pop() ?? this.#large.length;
    this.#large[index] = new Uint8Array(sizeBytes);
    this.#bytesHeld += sizeBytes;
    return index;
  }

  #take(sizeBytes: number): number {
    const sizeClass = classOf(sizeBytes);
    const page = this.#withRoom[sizeClass] ?? this.#addPage(sizeClass);
    const unit = page.take();
    if (!page.hasRoom) this.#unlink(page);
    return (page.index << UNIT_BITS) | unit;
  }

  #give(ref: number): void {
    const page = this.#pages[ref >>> UNIT_BITS] as Page;
    const wasFull = !page.hasRoom;
    page.give(ref & UNIT_MASK);
    if (wasFull) this.#link(page);
    // The last page with room stays: one block that comes and goes must not make and drop a page.
    const isLastWithRoom = page.next === undefined && page.previous === undefined;
    if (page.usedBlocks === 0 && !isLastWithRoom) this.#dropPage(page);
  }

  #addPage(sizeClass: number): Page {
    const index = this.#freePageIndexes.pop() ?? this.#pages.length;
    const page = new Page(index, sizeClass);
    this.#pages[index] = page;
    this.#bytesHeld += PAGE_BYTES;
    this.#link(page);
    return page;
  }

  #dropPage(page: Page): void {
    this.#unlink(page);
    this.#pages[page.index] = NO_PAGE;
    this.#freePageIndexes.push(page.index);
    this.#bytesHeld -= PAGE_BYTES;
  }

  #link(page: Page): void {
    const first = this.#withRoom[page.sizeClass];
    page.next = first;
    if (first !== undefined) first.previous = page;
    this.#withRoom[page.sizeClass] = page;
  }

  #unlink(page: Page): void {
    const { previous, next } = page;
    if (previous === undefined) this.#withRoom[page.sizeClass] = next;
    else previous.next = next;
    if (next !== undefined) next.previous = previous;
    page.next = undefined;
    page.previous = undefined;
  }
}

/** A run of blocks of one size; a free block holds the unit of the next free one, plus 1. */
class Page {
  readonly index: number;
  readonly sizeClass: number;
  readonly bytes: Uint8Array;
  readonly #blockUnits: number;
  #firstFree = 0;
  #untouchedUnit = 0;
  usedBlocks = 0;
  next: Page | undefined;
  previous: Page | undefined;

  constructor(index: number, sizeClass: number, sizeBytes: number = PAGE_BYTES) {
    this.index = index;
    this.sizeClass = sizeClass;
    this.bytes = new Uint8Array(sizeBytes);
    this.#blockUnits = blockBytes(sizeClass) / UNIT_BYTES;
  }

  get hasRoom(): boolean {
    return this.#firstFree !== 0 || this.#untouchedUnit + this.#blockUnits <= PAGE_UNITS;
  }

  take(): number {
    this.usedBlocks += 1;
    if (this.#firstFree === 0) {
      const unit = this.#untouchedUnit;
      this.#untouchedUnit += this.#blockUnits;
      return unit;
    }
    const unit = this.#firstFree - 1;
    const at = unit * UNIT_BYTES;
    this.#firstFree = ((this.bytes[at] as number) << 8) | (this.bytes[at + 1] as number);
    return unit;
  }

  give(unit: number): void {
    const at = unit * UNIT_BYTES;
    this.bytes[at] = this.#firstFree >>> 8;
    this.bytes[at + 1] = this.#firstFree;
    this.#firstFree = unit + 1;
    this.usedBlocks -= 1;
  }
}

/** Sizes in steps of 16 up to 128 bytes, then four to each doubling. */
function classOf(sizeBytes: number): number {
  if (sizeBytes <= 128) return (sizeBytes - 1) >> 4;
  const log = 31 - Math.clz32(sizeBytes - 1);
  return 8 + (log - 7) * 4 + ((sizeBytes - 1) >> (log - 2)) - 4;
}

function blockBytes(sizeClass: number): number {
  if (sizeClass < 8) return (sizeClass + 1) * 16;
  const log = 7 + ((sizeClass - 8) >> 2);
  return (5 + ((sizeClass - 8) & 3)) << (log - 2);
}

function unitOffset(ref: number): number {
  return (ref & UNIT_MASK) * UNIT_BYTES;
}

/** Above this, bytes have their own array. */
const BLOCK_BYTES_MAX = 16_384;
const CLASS_COUNT = 36;
const UNIT_BYTES = 16;
const UNIT_BITS = 12;
const UNIT_MASK = 0xfff;
const PAGE_UNITS = 4096;
const PAGE_BYTES = PAGE_UNITS * UNIT_BYTES;
const NOTHING = new Uint8Array(0);
const NO_PAGE = new Page(-1, 0, 0);
