import assert from "node:assert/strict";
import type { SessionTracker, SessionTracking } from "../../core/contracts/sessions.ts";
import { SessionId } from "../../core/wire/session_id.ts";

/** What the suite needs to know of an implementation. */
export interface SessionTrackingFixture {
  /** The runner's `test`. */
  readonly test: (name: string, run: () => Promise<void>) => void;
  readonly make: () => SessionTracking;
}

const TICK_MS = 1_000;
const FIRST = new SessionId(0x0100_0000, 1);
const SECOND = new SessionId(0x0100_0000, 2);
const SAME_LOW_HALF = new SessionId(-1, 1);

/** Registers the tests that every {@link SessionTracking} passes. */
export function testSessionTracking({ test, make }: SessionTrackingFixture): void {
  const check = (name: string, run: (tracker: SessionTracker) => void): void =>
    test(name, async () => run(make().create(TICK_MS)));
  testExpiry(check);
  testStates(check);
}

type Check = (name: string, run: (tracker: SessionTracker) => void) => void;

function texts(ids: readonly SessionId[]): string[] {
  return ids.map(String);
}

function testExpiry(check: Check): void {
  check("SessionTracker.expire() of no sessions gives none", (tracker) => {
    assert.deepEqual(tracker.expire(1e12), []);
    assert.deepEqual(tracker.buckets(), []);
  });

  check("a session expires after its time-out and at most one tick later", (tracker) => {
    for (const now of [0, 1, 999.5, 1_000, 123_456.789]) {
      tracker.add(FIRST, 5_000, now);
      assert.deepEqual(tracker.expire(now + 5_000), [], `at ${now}`);
      assert.deepEqual(texts(tracker.expire(now + 6_000)), texts([FIRST]), `at ${now}`);
      tracker.remove(FIRST);
    }
  });

  check("deadlines are whole ticks, strictly above the exact time", (tracker) => {
    tracker.add(FIRST, 5_000, 0);
    tracker.add(SECOND, 5_000, 999);
    tracker.add(SAME_LOW_HALF, 5_000, 1_000);
    const buckets = tracker.buckets().map(({ deadlineMs, sessions }) => {
      return [deadlineMs, texts(sessions)];
    });
    assert.deepEqual(buckets, [
      [6_000, texts([FIRST, SECOND])],
      [7_000, texts([SAME_LOW_HALF])],
    ]);
  });

  check("SessionTracker.touch() gives a full time-out again, or the new one", (tracker) => {
    tracker.add(FIRST, 5_000, 0);
    assert.equal(tracker.touch(FIRST, 5_000, 4_000), true);
    assert.deepEqual(tracker.expire(9_000), []);
    assert.equal(tracker.touch(FIRST, 1_000, 9_000), true);
    assert.deepEqual(texts(tracker.expire(11_000)), texts([FIRST]));
  });

  check("SessionTracker.expire() gives each session once, earliest first", (tracker) => {
    tracker.add(SECOND, 2_000, 0);
    tracker.add(FIRST, 1_000, 0);
    assert.deepEqual(texts(tracker.expire(60_000)), texts([FIRST, SECOND]));
    assert.deepEqual(tracker.expire(60_000), []);
    assert.equal(tracker.size, 2);
  });
}

function testStates(check: Check): void {
  check("an expired session is closing: refused, and tracked until it is removed", (tracker) => {
    tracker.add(FIRST, 1_000, 0);
    assert.equal(tracker.isAlive(FIRST), true);
    tracker.expire(2_000);
    assert.equal(tracker.isAlive(FIRST), false);
    assert.equal(tracker.touch(FIRST, 1_000, 2_000), false);
    tracker.remove(FIRST);
    assert.equal(tracker.size, 0);
  });

  check("SessionTracker.add() leaves a closing session closing", (tracker) => {
    tracker.add(FIRST, 1_000, 0);
    tracker.close(FIRST);
    tracker.add(FIRST, 1_000, 0);
    assert.equal(tracker.isAlive(FIRST), false);
    assert.deepEqual(tracker.expire(10_000), []);
  });

  check("SessionTracker.add() gives a known session a full time-out again", (tracker) => {
    tracker.add(FIRST, 1_000, 0);
    tracker.add(FIRST, 1_000, 10_000);
    assert.equal(tracker.size, 1);
    assert.deepEqual(tracker.expire(11_000), []);
  });

  check("unknown sessions are not alive, and closing or removing them does nothing", (tracker) => {
    tracker.add(FIRST, 1_000, 0);
    for (const unknown of [SECOND, SAME_LOW_HALF]) {
      tracker.close(unknown);
      tracker.remove(unknown);
      assert.equal(tracker.isAlive(unknown), false);
      assert.equal(tracker.touch(unknown, 1_000, 0), false);
    }
    assert.equal(tracker.size, 1);
  });

  check("a removed session may come back, as one that a snapshot brings does", (tracker) => {
    tracker.add(FIRST, 1_000, 0);
    tracker.close(FIRST);
    tracker.remove(FIRST);
    tracker.remove(FIRST);
    tracker.add(FIRST, 1_000, 0);
    assert.equal(tracker.isAlive(FIRST), true);
    assert.equal(tracker.size, 1);
  });
}
