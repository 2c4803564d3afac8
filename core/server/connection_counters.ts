import type { SessionStats } from "../contracts/inspection.ts";
import type { Zxid } from "../wire/zxid.ts";
import type { ServerSession } from "./sessions.ts";
import { LatencyCount } from "./statistics.ts";

/** What is counted for one connection: the figures behind `cons`. */
export class ConnectionCounters {
  /** Frames received. */
  received = 0;
  /** Replies and notifications sent. */
  sent = 0;
  lastOpcode: number | undefined;
  /** Positive xids only, as in Apache. */
  lastCxid: number | undefined;
  lastZxid: Zxid = -1;
  /** Monotonic ms. */
  lastResponseMs = 0;
  lastLatencyMs = 0;
  readonly latency: LatencyCount = new LatencyCount();

  /** A request was answered. */
  answered(type: number, xid: number, zxid: Zxid): void {
    this.sent += 1;
    this.lastOpcode = type;
    if (xid > 0) this.lastCxid = xid;
    this.lastZxid = zxid;
  }

  /** Some requests were answered at `nowMs`, so long after they came. */
  took(nowMs: number, latencyMs: number): void {
    this.lastResponseMs = nowMs;
    this.lastLatencyMs = latencyMs;
    this.latency.add(latencyMs);
  }

  reset(): void {
    this.received = 0;
    this.sent = 0;
    this.lastOpcode = undefined;
    this.lastCxid = undefined;
    this.lastZxid = -1;
    this.lastResponseMs = 0;
    this.lastLatencyMs = 0;
    this.latency.reset();
  }

  read(session: ServerSession): SessionStats {
    return {
      id: session.id,
      timeoutMs: session.timeoutMs,
      lastOpcode: this.lastOpcode,
      lastCxid: this.lastCxid,
      lastZxid: this.lastZxid,
      lastResponseTimeMs: this.lastResponseMs,
      lastLatencyMs: this.lastLatencyMs,
      latency: this.latency.read(),
    };
  }
}
