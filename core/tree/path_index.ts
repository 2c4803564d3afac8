import type { NodeStore } from "./node_store.ts";
import { NONE } from "./node_store.ts";

/**
 * Finds nodes by the bytes of their whole path: hash tables with open addressing, of which a hash's
 * top byte chooses one. Each grows on its own, so that growing never takes long (4,000 entries of
 * a million). The hash is keyed, so that clients cannot choose names that collide.
 */
export class PathIndex {
  readonly #nodes: NodeStore;
  readonly #seed: number;
  readonly #multiplier: number;
  readonly #shards: Shard[] = [];
  #bytesHeld = 0;

  /** @param seed any int32. */
  constructor(nodes: NodeStore, seed: number) {
    this.#nodes = nodes;
    this.#seed = mix(seed);
    this.#multiplier = mix(seed ^ 0x5bd1_e995) | 1;
    for (let i = 0; i < SHARD_COUNT; i++) this.#shards.push(NO_ENTRIES);
  }

  get bytesHeld(): number {
    return this.#bytesHeld;
  }

  /**
   * Hashes three bytes a step: a difference in the top bit of a product would survive every
   * multiplication, so no byte of the path may reach that bit unmixed. The lowest bits of the last
   * byte change the lowest of the hash and no others: names that follow one another, as those of
   * sequential nodes, lie side by side, and fetching one from memory fetches the next ones.
   */
  hash(bytes: Uint8Array, start: number, end: number): number {
    const multiplier = this.#multiplier;
    const beforeLast = end - 1;
    let h = this.#seed ^ (end - start);
    let at = start;
    for (; at + 3 <= beforeLast; at += 3) {
      const three = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16);
      h = Math.imul(h ^ three, multiplier);
      h ^= h >>> 15;
    }
    for (; at < beforeLast; at++) h = Math.imul(h ^ bytes[at]!, multiplier) ^ (h >>> 11);
    const last = start < end ? bytes[beforeLast]! : 0;
    h = Math.imul(h ^ (last >>> NEAR_BITS), multiplier) ^ (h >>> 11);
    const v = mix(h);
    return (v << NEAR_BITS) | ((last ^ (v >>> (32 - NEAR_BITS))) & NEAR_MASK);
  }

  /** @returns the node of path `bytes[start..end)`, whose {@link hash} is given, or `NONE`. */
  find(hash: number, bytes: Uint8Array, start: number, end: number): number {
    const { slots } = this.#shards[hash >>> SHARD_SHIFT] as Shard;
    const mask = slots.length - 1;
    for (let at = (hash << 1) & mask; ; at = (at + 2) & mask) {
      const node = (slots[at + 1] as number) - 1;
      if (node === NONE) return NONE;
      if (slots[at] === hash && this.#nodes.hasPath(node, bytes, start, end)) return node;
    }
  }

  /** Adds a node that is not in the index. */
  add(hash: number, node: number): void {
    const index = hash >>> SHARD_SHIFT;
    let shard = this.#shards[index] as Shard;
    if (shard === NO_ENTRIES) {
      shard = new Shard(SLOTS_MIN);
      this.#shards[index] = shard;
      this.#bytesHeld += shard.slots.byteLength;
    } else if (shard.isFull) {
      this.#bytesHeld += shard.slots.byteLength;
      shard.grow();
    }
    shard.count += 1;
    shard.put(hash, node + 1);
  }

  /** Takes a node out. */
  remove(hash: number, node: number): void {
    (this.#shards[hash >>> SHARD_SHIFT] as Shard).remove(hash, node + 1);
  }
}

/** Slots are pairs: hash, then node plus 1 (0 for an empty slot). */
class Shard {
  slots: Int32Array;
  count = 0;

  constructor(slotCount: number) {
    this.slots = new Int32Array(slotCount * 2);
  }

  get isFull(): boolean {
    return this.count * 8 >= this.slots.length * 3;
  }

  put(hash: number, entry: number): void {
    const { slots } = this;
    const mask = slots.length - 1;
    let at = (hash << 1) & mask;
    while (slots[at + 1] !== 0) at = (at + 2) & mask;
    slots[at] = hash;
    slots[at + 1] = entry;
  }

  grow(): void {
    const old = this.slots;
    this.slots = new Int32Array(old.length * 2);
    for (let at = 0; at < old.length; at += 2) {
      if (old[at + 1] !== 0) this.put(old[at] as number, old[at + 1] as number);
    }
  }

  remove(hash: number, entry: number): void {
    const { slots } = this;
    const mask = slots.length - 1;
    let hole = (hash << 1) & mask;
    while (slots[hole + 1] !== entry) hole = (hole + 2) & mask;
    // Entries behind the hole move up, unless that would put them before where they belong.
    for (let at = (hole + 2) & mask; slots[at + 1] !== 0; at = (at + 2) & mask) {
      const home = ((slots[at] as number) << 1) & mask;
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      slots[hole] = slots[at] as number;
      slots[hole + 1] = slots[at + 1] as number;
      hole = at;
    }
    slots[hole + 1] = 0;
    this.count -= 1;
  }
}

function mix(value: number): number {
  let v = Math.imul(value ^ (value >>> 16), 0x45d9_f3b5);
  v = Math.imul(v ^ (v >>> 15), 0x2c1b_3c6d);
  return v ^ (v >>> 16);
}

/** Eight slots are the 64 bytes that a processor fetches at once. */
const NEAR_BITS = 3;
const NEAR_MASK = (1 << NEAR_BITS) - 1;
const SHARD_COUNT = 256;
const SHARD_SHIFT = 24;
const SLOTS_MIN = 8;
/** Stands for every table that has no entry yet: small trees need only a few. */
const NO_ENTRIES = new Shard(SLOTS_MIN);
