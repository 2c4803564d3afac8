import assert from "node:assert/strict";
import { setTimeout } from "node:timers";
import type { Clock } from "../../core/contracts/clock.ts";
import type { Consensus } from "../../core/contracts/consensus.ts";
import { JuteWriter } from "../../core/wire/jute.ts";
import { OPCODES } from "../../core/wire/opcodes.ts";
import { NO_SESSION, SessionId } from "../../core/wire/session_id.ts";
import { StillClock, SuiteReplica } from "./consensus_replica.ts";
import { sliceOf, snapshotOf } from "./storage_data.ts";

/** What the suite gives to a consensus that it asks for. */
export interface ConsensusParts {
  /** Stands still except when the suite moves it. */
  readonly clock: Clock;
  /** Steps in which sessions expire, ms. */
  readonly tickMs: number;
  /** Transactions between two checkpoints, for one that makes any by itself. */
  readonly snapCount: number;
}

/** What the suite needs to know of an implementation. */
export interface ConsensusFixture {
  /** The runner's `test`. */
  readonly test: (name: string, run: () => Promise<void>) => void;
  /** One that has not started, over empty storage. */
  readonly make: (parts: ConsensusParts) => Promise<Consensus>;
  /** Lets one that has started serve; left out where it comes to that by itself. */
  readonly elect?: (started: Consensus) => Promise<void>;
  /** Closes the storage of one that has stopped, as the kernel does. */
  readonly release: (stopped: Consensus) => Promise<void>;
  /** One that has not started, over the storage of a released one; left out where none is kept. */
  readonly remake?: (released: Consensus, parts: ConsensusParts) => Promise<Consensus>;
}

const TICK_MS = 100;
const TIMEOUT_MS = 400;
const SNAP_COUNT = 10;
/** Turns of 1 ms or more that the suite waits for what must happen. */
const TURNS_MAX = 10_000;
/** Turns in which what must not happen has the chance to. */
const TURNS_QUIET = 20;
const SOME_BODY: Uint8Array = new Uint8Array(8);
const ANN = new SessionId(0x0100_0000, 1);
const BOB = new SessionId(0x0100_0000, 2);

/**
 * Registers the tests that every {@link Consensus} passes, from the view of a server that leads.
 */
export function testConsensus(fixture: ConsensusFixture): void {
  testWrites(fixture);
  testSyncs(fixture);
  testSessions(fixture);
  testRestore(fixture);
  testStop(fixture);
  if (fixture.remake !== undefined) testRestart(fixture);
}

/** One consensus that serves, and what it told its server. */
class Serving {
  readonly clock: StillClock = new StillClock();
  readonly replica: SuiteReplica = new SuiteReplica();
  readonly parts: ConsensusParts = { clock: this.clock, tickMs: TICK_MS, snapCount: SNAP_COUNT };
  readonly #fixture: ConsensusFixture;
  #consensus: Consensus | undefined;
  #cxid = 0;

  constructor(fixture: ConsensusFixture) {
    this.#fixture = fixture;
  }

  get consensus(): Consensus {
    return this.#consensus ?? assert.fail("there is no consensus before start");
  }

  /** The cxids that were delivered, in order. */
  get cxids(): number[] {
    return this.replica.delivered.map(({ cxid }) => cxid);
  }

  async start(released?: Consensus): Promise<this> {
    const { make, remake, elect } = this.#fixture;
    const made = released === undefined ? make(this.parts) : remake?.(released, this.parts);
    const consensus = (await made) ?? assert.fail("there is no remake");
    this.#consensus = consensus;
    this.replica.onClosed = (id) => consensus.tracker?.remove(id);
    await consensus.start(this.replica);
    await elect?.(consensus);
    // Others may need time to pass before they serve.
    await this.until("it serves", () => {
      if (consensus.status.serving === "read-write") return true;
      this.clock.advance(TICK_MS / 10);
      return false;
    });
    return this;
  }

  /** Submits a write, then spoils its bytes as a connection does; @returns its cxid. */
  submit(session: SessionId, opcode: number = OPCODES.setData, body = SOME_BODY): number {
    const cxid = ++this.#cxid;
    const bytes = new Uint8Array(body.length + 2);
    bytes.set(body, 1);
    const bodyEnd = 1 + body.length;
    const request = { session, cxid, opcode, bytes, bodyStart: 1, bodyEnd, ids: [] };
    this.within(() => this.consensus.submit(request));
    bytes.fill(0xff);
    return cxid;
  }

  async createSession(id: SessionId): Promise<void> {
    const body = new JuteWriter();
    body.int(TIMEOUT_MS);
    await this.delivery(this.submit(id, OPCODES.createSession, body.copy()));
  }

  /** Runs a call during which the replica must be left alone. */
  within(call: () => void): void {
    this.replica.isBusy = true;
    call();
    this.replica.isBusy = false;
    assert.deepEqual(this.replica.intrusions, []);
  }

  delivery(cxid: number): Promise<void> {
    return this.until(`${cxid} is delivered`, () => this.cxids.includes(cxid));
  }

  /** Everything that was submitted so far has been delivered, if it ever will. */
  async barrier(): Promise<void> {
    await this.delivery(this.submit(NO_SESSION));
  }

  revalidate(id: SessionId): Promise<boolean> {
    return new Promise((resolve) => this.consensus.revalidate(id, TIMEOUT_MS, resolve));
  }

  closings(id: SessionId): number {
    const isClosing = (delivery: { session: SessionId; opcode: number }): boolean =>
      delivery.opcode === OPCODES.closeSession && delivery.session.equals(id);
    return this.replica.delivered.filter(isClosing).length;
  }

  async until(what: string, holds: () => boolean): Promise<void> {
    for (let turn = 0; !holds(); turn++) {
      if (turn === TURNS_MAX) assert.fail(`waited in vain until ${what}`);
      await turnOfLoop();
    }
  }

  /** Stops, releases, and gives what may come late the time to. */
  async stop(): Promise<void> {
    await this.consensus.stop();
    const { length } = this.replica.delivered;
    await this.#fixture.release(this.consensus);
    for (let turn = 0; turn < TURNS_QUIET; turn++) await turnOfLoop();
    assert.equal(this.replica.delivered.length, length, "delivered after stop()");
    assert.deepEqual(this.replica.failures, []);
  }
}

function turnOfLoop(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}

type Check = (name: string, run: (serving: Serving) => Promise<void>) => void;

function checkWith(fixture: ConsensusFixture): Check {
  return (name, run) =>
    fixture.test(name, async () => {
      const serving = await new Serving(fixture).start();
      await run(serving);
      await serving.stop();
    });
}

function testWrites(fixture: ConsensusFixture): void {
  const check = checkWith(fixture);

  check("start() reads the storage into the replica, leads and serves", async (serving) => {
    const { consensus, replica } = serving;
    assert.equal(replica.replacedZxid, 0);
    assert.deepEqual(replica.statuses.at(-1), consensus.status);
    assert.equal(replica.isLed, true);
    assert.notEqual(consensus.tracker, undefined);
  });

  check("submit() delivers each write once, in order, with ascending zxids", async (serving) => {
    for (let i = 0; i < 300; i++) {
      serving.submit(i % 2 === 0 ? ANN : BOB);
      if (i % 100 === 99) await turnOfLoop();
    }
    await serving.barrier();
    const { delivered, lastApplied } = serving.replica;
    assert.deepEqual(
      serving.cxids,
      Array.from({ length: 301 }, (_, i) => i + 1),
    );
    let last = 0;
    for (const { zxid } of delivered) {
      assert.ok(zxid > last, `${zxid} after ${last}`);
      last = zxid;
    }
    assert.equal(lastApplied, last);
    assert.ok(delivered.slice(0, 300).every(({ session, cxid }) => session.low === 2 - (cxid % 2)));
  });

  check("flush() follows every run of deliveries", async (serving) => {
    const { replica } = serving;
    for (let i = 0; i < 20; i++) serving.submit(ANN);
    await serving.barrier();
    await serving.until("all is flushed", () => replica.flushedCount === replica.delivered.length);
  });
}

function testSyncs(fixture: ConsensusFixture): void {
  const check = checkWith(fixture);

  check("sync() without any write under way is answered, not from within it", async (serving) => {
    let isDone = false;
    serving.within(() =>
      serving.consensus.sync(ANN, () => {
        isDone = true;
        if (serving.replica.isBusy) serving.replica.intrusions.push("sync");
      }),
    );
    await serving.until("sync is answered", () => isDone);
  });

  check("sync() is answered in the order asked, before writes submitted later", async (serving) => {
    const answeredAfter: number[] = [];
    const answers: string[] = [];
    const sync = (name: string): void =>
      serving.within(() =>
        serving.consensus.sync(ANN, () => {
          answers.push(name);
          answeredAfter.push(serving.replica.delivered.length);
        }),
      );
    await serving.barrier();
    sync("first");
    serving.submit(ANN);
    sync("second");
    sync("third");
    serving.submit(BOB);
    await serving.barrier();
    await serving.until("three syncs are answered", () => answers.length === 3);
    assert.deepEqual(answers, ["first", "second", "third"]);
    const [first = 9, second = 9, third = 9] = answeredAfter;
    assert.equal(first, 1);
    assert.ok(second <= 2 && third <= 2, `answered after ${second} and ${third} writes`);
  });
}

function testSessions(fixture: ConsensusFixture): void {
  const check = checkWith(fixture);

  check("a session lives from its createSession to its closeSession", async (serving) => {
    assert.equal(await serving.revalidate(ANN), false);
    await serving.createSession(ANN);
    assert.equal(await serving.revalidate(ANN), true);
    assert.equal(await serving.revalidate(BOB), false);
    await serving.delivery(serving.submit(ANN, OPCODES.closeSession, new Uint8Array(0)));
    assert.equal(await serving.revalidate(ANN), false);
    serving.clock.advance(10 * TIMEOUT_MS);
    await serving.barrier();
    assert.equal(serving.closings(ANN), 1);
  });

  check("a session not heard of is closed once, after its time-out", async (serving) => {
    await serving.createSession(ANN);
    serving.clock.advance(TIMEOUT_MS - TICK_MS);
    await serving.barrier();
    assert.equal(serving.closings(ANN), 0);
    serving.clock.advance(4 * TICK_MS);
    await serving.until("the session is closed", () => serving.closings(ANN) > 0);
    serving.clock.advance(10 * TIMEOUT_MS);
    await serving.barrier();
    assert.equal(serving.closings(ANN), 1);
    assert.equal(await serving.revalidate(ANN), false);
  });

  check("touch() and revalidate() give a session its full time-out again", async (serving) => {
    await serving.createSession(ANN);
    await serving.createSession(BOB);
    for (let i = 0; i < 5; i++) {
      serving.clock.advance(TIMEOUT_MS - TICK_MS);
      serving.consensus.touch(ANN, TIMEOUT_MS);
      assert.equal(await serving.revalidate(BOB), true);
    }
    await serving.barrier();
    assert.equal(serving.closings(ANN) + serving.closings(BOB), 0);
    assert.equal(await serving.revalidate(ANN), true);
  });
}

function testStop(fixture: ConsensusFixture): void {
  const check = checkWith(fixture);

  check("stop() ends serving, with writes under way or just submitted", async (serving) => {
    const { consensus, replica } = serving;
    for (let i = 0; i < 50; i++) serving.submit(ANN);
    await turnOfLoop();
    serving.submit(BOB);
    await consensus.stop();
    assert.equal(consensus.status.serving, "none");
    assert.equal(replica.statuses.at(-1)?.serving, "none");
    assert.deepEqual(
      serving.cxids,
      serving.cxids.map((_, i) => i + 1),
    );
  });

  check("what is submitted after stop() is never delivered", async (serving) => {
    await serving.barrier();
    await serving.consensus.stop();
    serving.submit(ANN);
    serving.consensus.touch(ANN, TIMEOUT_MS);
    serving.clock.advance(10 * TIMEOUT_MS);
    for (let turn = 0; turn < TURNS_QUIET; turn++) await turnOfLoop();
    assert.equal(serving.replica.delivered.length, 1);
  });
}

function testRestore(fixture: ConsensusFixture): void {
  const check = checkWith(fixture);

  check("restore(), where there is one, goes back to a tree and its sessions", async (serving) => {
    const { consensus, replica } = serving;
    if (consensus.restore === undefined) return;
    await serving.createSession(ANN);
    await serving.barrier();
    serving.submit(ANN);
    const sessions = [{ id: BOB, timeoutMs: TIMEOUT_MS }];
    await consensus.restore(snapshotOf(1, sliceOf([{ path: "/" }], { sessions })));
    const [former, present] = replica.statuses.slice(-2);
    assert.deepEqual([former?.serving, present?.serving], ["none", "read-write"]);
    assert.equal(replica.replacedZxid, 1);
    assert.equal(await serving.revalidate(ANN), false);
    serving.clock.advance(TIMEOUT_MS - TICK_MS);
    assert.equal(await serving.revalidate(BOB), true);
    const { length } = replica.delivered;
    await serving.barrier();
    const [first, ...more] = replica.delivered.slice(length);
    assert.equal(first?.zxid, 2);
    assert.deepEqual(more, [], "what was on its way came after all");
  });
}

function testRestart(fixture: ConsensusFixture): void {
  const { test } = fixture;

  test("start() brings back what was delivered, and goes on above it", async () => {
    const before = await new Serving(fixture).start();
    for (let i = 0; i < 5 * SNAP_COUNT; i++) {
      await before.delivery(before.submit(ANN));
    }
    const last = before.replica.lastApplied;
    await before.stop();
    const after = await new Serving(fixture).start(before.consensus);
    const { replica } = after;
    assert.ok(replica.lastApplied >= last, "something that was delivered is missing");
    const contained = replica.replacedZxid ?? assert.fail("the tree was not replaced");
    const expected = before.replica.delivered.filter(({ zxid }) => zxid > contained);
    assert.deepEqual(replica.delivered.slice(0, expected.length), expected);
    await after.barrier();
    assert.ok(replica.lastApplied > last);
    await after.stop();
  });

  test("start() gives the sessions that are stored a full time-out", async () => {
    const before = await new Serving(fixture).start();
    await before.createSession(ANN);
    await before.createSession(BOB);
    await before.delivery(before.submit(BOB, OPCODES.closeSession, new Uint8Array(0)));
    await before.stop();
    const serving = await new Serving(fixture).start(before.consensus);
    assert.equal(await serving.revalidate(BOB), false);
    serving.clock.advance(TIMEOUT_MS - TICK_MS);
    await serving.barrier();
    assert.equal(serving.closings(ANN), 0);
    serving.clock.advance(4 * TICK_MS);
    await serving.until("the session is closed", () => serving.closings(ANN) > 0);
    await serving.stop();
  });
}
