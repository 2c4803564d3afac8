/** The server as a consensus sees it, cut down to what a test looks at, and a clock to move. */
import { setTimeout } from "node:timers";
import type { Cancel, Clock } from "../../core/contracts/clock.ts";
import type {
  ConsensusStatus,
  Preparer,
  Replica,
  SliceSource,
  WriteRequest,
} from "../../core/contracts/consensus.ts";
import type { SessionRecord, Snapshot } from "../../core/contracts/storage.ts";
import { getInt, JuteReader, type JuteWriter } from "../../core/wire/jute.ts";
import { OPCODES } from "../../core/wire/opcodes.ts";
import { readSessionId, writeSessionId } from "../../core/wire/records.ts";
import { type SessionId, SessionMap } from "../../core/wire/session_id.ts";
import type { Zxid } from "../../core/wire/zxid.ts";

const DIGEST_VERSION = 2;

interface Timer {
  dueMs: number;
  readonly periodMs: number;
  readonly task: () => void;
}

/** A clock that stands still until it is moved; deferred tasks run in another turn. */
export class StillClock implements Clock {
  #nowMs = 1_000_000;
  readonly #timers = new Set<Timer>();

  now(): number {
    return this.#nowMs;
  }

  wallTime(): number {
    return this.#nowMs + 1_700_000_000_000;
  }

  after(delayMs: number, task: () => void): Cancel {
    return this.#add({ dueMs: this.#nowMs + delayMs, periodMs: 0, task });
  }

  every(periodMs: number, task: () => void): Cancel {
    return this.#add({ dueMs: this.#nowMs + periodMs, periodMs, task });
  }

  defer(task: () => void): void {
    setTimeout(task, 0);
  }

  /** Lets `ms` pass; what is due runs at its own time, earliest first. */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (;;) {
      const next = [...this.#timers].sort((a, b) => a.dueMs - b.dueMs)[0];
      if (next === undefined || next.dueMs > endMs) break;
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      if (next.periodMs > 0) next.dueMs += next.periodMs;
      else this.#timers.delete(next);
      next.task();
    }
    this.#nowMs = endMs;
  }

  #add(timer: Timer): Cancel {
    this.#timers.add(timer);
    return () => {
      this.#timers.delete(timer);
    };
  }
}

/** A transaction as it was delivered. */
export interface Delivery {
  readonly zxid: Zxid;
  readonly session: SessionId;
  readonly cxid: number;
  /** The request's opcode. */
  readonly opcode: number;
}

/**
 * Keeps what was delivered instead of applying it, and of the tree only the sessions. Prepares a
 * request as a transaction with the request's own body.
 */
export class SuiteReplica implements Replica {
  lastApplied: Zxid = 0;
  readonly snapshotBytes = 0;
  readonly shownMembers = "";
  readonly delivered: Delivery[] = [];
  /** How many of {@link delivered} were there at the last flush. */
  flushedCount = 0;
  readonly statuses: ConsensusStatus[] = [];
  readonly failures: unknown[] = [];
  /** What the last tree that replaced this one contained. */
  replacedZxid: Zxid | undefined;
  isLed = false;
  /** Set while the suite is within a call that must not call back. */
  isBusy = false;
  /** Calls that came while it was busy. */
  readonly intrusions: string[] = [];
  /** Told of each session whose closing was delivered. */
  onClosed: (id: SessionId) => void = () => {};
  #sessions = new SessionMap<number>();

  get sessions(): readonly SessionRecord[] {
    return [...this.#sessions.entries()].map(([id, timeoutMs]) => ({ id, timeoutMs }));
  }

  lead(): Preparer {
    this.#enter("lead");
    this.isLed = true;
    return { prepare, prepareReconfig: refuseReconfig };
  }

  unlead(): void {
    this.isLed = false;
  }

  deliver(bytes: Uint8Array, start: number, end: number): void {
    this.#enter("deliver");
    const reader = new JuteReader(bytes, start, end);
    const session = readSessionId(reader);
    const cxid = reader.int();
    this.lastApplied = reader.long();
    reader.long();
    const opcode = reader.int();
    this.delivered.push({ zxid: this.lastApplied, session, cxid, opcode });
    if (opcode === OPCODES.createSession) this.#sessions.set(session, reader.int());
    if (opcode !== OPCODES.closeSession) return;
    this.#sessions.delete(session);
    this.onClosed(session);
  }

  configure(): void {}

  flush(): void {
    this.#enter("flush");
    this.flushedCount = this.delivered.length;
  }

  async replace(snapshot: Snapshot): Promise<void> {
    this.#sessions = new SessionMap();
    for await (const { sessions } of snapshot.slices) {
      for (const { id, timeoutMs } of sessions ?? []) this.#sessions.set(id, timeoutMs);
    }
    this.lastApplied = snapshot.zxid;
    this.replacedZxid = snapshot.zxid;
  }

  changes(): SliceSource {
    const { sessions } = this;
    const slices = [{ sessions, acls: [], deleted: [], nodeCount: 0, nodes: new Uint8Array(0) }];
    return { zxid: this.lastApplied, next: () => slices.pop(), close: () => {} };
  }

  statusChanged(status: ConsensusStatus): void {
    this.statuses.push(status);
  }

  failed(error: unknown): void {
    this.failures.push(error);
  }

  #enter(call: string): void {
    if (this.isBusy) this.intrusions.push(call);
  }
}

function prepare(
  request: WriteRequest,
  { zxid, timeMs }: { readonly zxid: Zxid; readonly timeMs: number },
  out: JuteWriter,
  refusal?: string,
): void {
  writeSessionId(out, request.session);
  out.int(request.cxid);
  out.long(zxid);
  out.long(timeMs);
  out.int(refusal === undefined ? request.opcode : OPCODES.error);
  if (refusal !== undefined) out.int(-1);
  else if (request.opcode === OPCODES.createSession) {
    out.int(getInt(request.bytes, request.bodyStart));
  } else if (request.opcode === OPCODES.closeSession) out.strings([]);
  else out.rawPart(request.bytes, request.bodyStart, request.bodyEnd);
  out.int(DIGEST_VERSION);
  out.long(0);
}

/** No membership of the suite changes. */
function refuseReconfig(...[request, stamp, out]: Parameters<Preparer["prepareReconfig"]>): false {
  prepare(request, stamp, out, "ReconfigDisabled");
  return false;
}
