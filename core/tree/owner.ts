/**
 * What the 64 bits of a node's owner field mean (CP 15). Functions take the halves as signed int32.
 */

/** What the owner field says a znode is. */
export type NodeKind = "persistent" | "ephemeral" | "container" | "ttl";

/** High half of a container's owner; the low half is 0. */
export const CONTAINER_OWNER_HIGH: number = 0x8000_0000 | 0;

/** The longest time to live in ms: 40 bits. */
export const TTL_MS_MAX = 0xff_ffff_ffff;

/** High half of the owner of a TTL node, to which the top 8 bits of the time are added. */
export const TTL_MARK: number = 0xff00_0000 | 0;
const TWO_32 = 0x1_0000_0000;

/** @param extendedTypes whether TTL owners are recognised; if not, they are sessions. */
export function kindOfOwner(high: number, low: number, extendedTypes: boolean): NodeKind {
  if (low === 0 && high === 0) return "persistent";
  if (low === 0 && high === CONTAINER_OWNER_HIGH) return "container";
  return extendedTypes && high >>> 24 === 0xff ? "ttl" : "ephemeral";
}

/** The time to live that a TTL owner carries, in ms. */
export function ttlOfOwner(high: number, low: number): number {
  return (high & 0xff) * TWO_32 + (low >>> 0);
}
