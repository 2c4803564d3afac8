import type { Entropy } from "../contracts/entropy.ts";
import { SessionId } from "../wire/session_id.ts";

/** Size of a session password, fixed by the C client's struct. */
export const PASSWORD_BYTES = 16;

const SECRET_LOW = 0xb3415c00;
const MASK_48 = 0xffff_ffff_ffffn;

/**
 * The password of a session: a pure function of its id, the same on every server of an ensemble, so
 * that a session can move between them. It is Apache's (`SessionTrackerImpl`, `java.util.Random`
 * seeded with the id), and so a checksum rather than a secret: whoever knows an id knows it too.
 *
 * @returns 16 bytes, the caller's.
 */
export function sessionPassword(id: SessionId): Uint8Array {
  const seed = BigInt.asUintN(64, id.toBigInt()) ^ BigInt(SECRET_LOW);
  let state = (seed ^ 0x5deece66dn) & MASK_48;
  const password = new Uint8Array(PASSWORD_BYTES);
  const view = new DataView(password.buffer);
  for (let at = 0; at < PASSWORD_BYTES; at += 4) {
    state = (state * 0x5deece66dn + 0xbn) & MASK_48;
    view.setUint32(at, Number((state >> 16n) & 0xffff_ffffn), true);
  }
  return password;
}

/** Whether `given` is the password of `id`. */
export function isSessionPassword(id: SessionId, given: Uint8Array): boolean {
  const expected = sessionPassword(id);
  if (given.length !== expected.length) return false;
  let difference = 0;
  for (let i = 0; i < expected.length; i++) {
    difference |= (expected[i] as number) ^ (given[i] as number);
  }
  return difference === 0;
}

/**
 * Issues session ids as Apache does: server id in the top byte, 40 bits of a millisecond clock, a
 * counter from 0 that spills upward. Ascending as unsigned numbers.
 */
export class SessionIds {
  readonly #entropy: Entropy;
  #next: bigint;

  /**
   * @param serverId 0 to 255; its low byte lands in the ids.
   * @param clockMs the wall clock.
   */
  constructor(serverId: number, clockMs: number, entropy: Entropy) {
    this.#entropy = entropy;
    const clock = BigInt(Math.floor(clockMs)) & 0xff_ffff_ffffn;
    this.#next = (BigInt(serverId & 0xff) << 56n) | (clock << 16n);
  }

  /**
   * Issues no id at or below `id` from now on, when that is of the same server. If it has to, the
   * clock went back, and ids a little above `id` were issued too, to sessions that have ended:
   * hence a leap whose length chance decides, up to 2^40.
   */
  skip(id: SessionId): void {
    const taken = BigInt.asUintN(64, id.toBigInt());
    if (taken >> 56n !== this.#next >> 56n || taken < this.#next) return;
    this.#next = taken + 1n + (BigInt(this.#entropy.uint32()) << 8n);
  }

  /** A new id; never 0 nor `0x8000000000000000`, which marks containers. */
  issue(): SessionId {
    const id = this.#next;
    this.#next += 1n;
    return id === 0n || id === 1n << 63n ? this.issue() : SessionId.fromBigInt(id);
  }
}
