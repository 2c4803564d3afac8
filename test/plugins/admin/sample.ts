import type {
  ConnectionStats,
  NamespaceQuota,
  ServerInspection,
} from "../../../core/contracts/inspection.ts";
import type { ByteSink, Connection, Peer } from "../../../core/contracts/transport.ts";
import { SessionId } from "../../../core/wire/session_id.ts";
import { makeZxid } from "../../../core/wire/zxid.ts";

export const PEER: Peer = {
  address: "127.0.0.1",
  port: 50_222,
  secure: false,
  certificateSubject: undefined,
};
export const SESSION: SessionId = new SessionId(0x0100_0019, 0x6fe3_0000);

const LATENCY = { minMs: 0.3, avgMs: 0.51234, maxMs: 12.9 };

const CONNECTIONS: readonly ConnectionStats[] = [
  {
    peer: PEER,
    interestOps: 1,
    queued: 0,
    received: 5,
    sent: 6,
    establishedMs: 1_795_317_194_784,
    session: {
      id: SESSION,
      timeoutMs: 10_000,
      lastOpcode: 12,
      lastCxid: 26,
      lastZxid: 8,
      lastResponseTimeMs: 1_787_835.7,
      lastLatencyMs: 1.2,
      latency: { minMs: 0, avgMs: 0.9, maxMs: 3 },
    },
  },
  {
    peer: { ...PEER, address: "::1" },
    interestOps: 0,
    queued: 0,
    received: 1,
    sent: 0,
    establishedMs: 0,
    session: undefined,
  },
];

const QUOTA: NamespaceQuota = {
  namespace: "shop",
  countLimit: 12,
  bytesLimit: 69,
  countUsage: 4,
  bytesUsage: 16,
  refusedCount: 3,
};

/** A server with one session and one four-letter word under way. */
export function sampleInspection(changes: Partial<ServerInspection> = {}): ServerInspection {
  return {
    status: { role: "standalone", serving: "read-write", serverId: 1, epoch: 0 },
    uptimeMs: 85_015.5,
    limits: {
      clientPort: 2181,
      secureClientPort: -1,
      serverId: 0,
      tickTimeMs: 2_000,
      minSessionTimeoutMs: 4_000,
      maxSessionTimeoutMs: 40_000,
      maxClientCnxns: 60,
    },
    membership: "",
    ensemble: undefined,
    stats: () => ({
      latency: LATENCY,
      packetsReceived: 12,
      packetsSent: 13,
      outstanding: 0,
      connectionCount: 2,
      lastZxid: makeZxid(1, 0x17),
      nodeCount: 9,
      ephemeralCount: 2,
      approximateDataBytes: 57,
      watchCount: 3,
      globalSessionCount: 1,
      localSessionCount: 0,
      connectionDropChance: 0,
      authFailedCount: 0,
      responseSizes: { last: 31, min: 16, max: 88 },
      plainConnections: { local: 6, remote: 7 },
      handshakeCount: 4,
    }),
    connections: () => CONNECTIONS,
    connectionBuckets: () => [
      { dueMs: 1_795_317_206_000, members: [{ peer: PEER, session: SESSION }] },
    ],
    sessions: () => ({
      local: undefined,
      global: [{ dueMs: 1_795_317_204_000, members: [SESSION] }],
      known: [{ id: SESSION, timeoutMs: 10_000 }],
    }),
    ephemerals: () => [{ session: SESSION, paths: ["/t/e", "/t/e2"] }],
    quotas: () => [QUOTA, { ...QUOTA, namespace: "other", countLimit: -1, refusedCount: 0 }],
    watchSummary: () => ({ connections: 1, paths: 2, total: 2 }),
    dataWatches: () => [{ session: SESSION, paths: ["/t/no", "/t"] }],
    digests: () => [{ zxid: 0x80, digest: 2n ** 40n }],
    lastCheckpoint: { zxid: 0x1_0000_000a, wallMs: 1_795_317_000_999 },
    mayAdminister: (ids) => ids.some(({ scheme }) => scheme === "super"),
    resetConnectionStats: () => {},
    shedConnections: (percentage) => percentage / 10,
    resetServerStats: () => {},
    ...changes,
  };
}

const LEARNER = { isObserver: false, isVoting: true, isSynced: true, ackedZxid: 0x1_0000_0015 };

const OBSERVER = { isObserver: true, isVoting: false, ackedZxid: 0, lag: 0 };
const TRAFFIC = {
  peer: PEER,
  establishedMs: 1_795_317_194_784,
  queuedPackets: 2,
  queuedBytes: 93,
  received: 4,
  sent: 7,
  requests: 1,
  lastZxid: 0x1_0000_0015,
  reset: () => {
    observerResets.count += 1;
  },
};
/** How often an observer's figures were to begin anew. */
export const observerResets: { count: number } = { count: 0 };

/** The same as leader of an ensemble: a follower, one that is not synchronised, an observer. */
export const LEADING: Pick<ServerInspection, "status" | "membership" | "ensemble"> = {
  status: { role: "leader", serving: "read-write", serverId: 2, epoch: 1 },
  membership: [
    "server.1=[::1]:2888:3888:participant;0.0.0.0:2181",
    "server.2=b:2888:3888|c:2889:3889:participant;2182",
    "server.3=d:2888:3888:observer;2183",
    "server.4=e:2888:3888:participant;2184",
    "version=0",
  ].join("\n"),
  ensemble: {
    leaderId: 2,
    voterCount: 3,
    initLimit: 10,
    syncLimit: 5,
    leading: {
      uptimeMs: 70_000.5,
      pendingSyncs: 1,
      proposalSizes: { last: 56, min: 36, max: 267 },
      learners: [
        { ...LEARNER, id: 1, lag: 2 },
        { ...LEARNER, id: 4, isSynced: false, ackedZxid: 0, lag: 0 },
        { ...LEARNER, ...OBSERVER, id: 3, traffic: TRAFFIC },
      ],
    },
  },
};

/** A connection that keeps what is written to it. */
export class RecordedConnection implements Connection {
  readonly peer: Peer = PEER;
  readonly bufferedBytes = 0;
  text = "";
  state: "open" | "ended" | "destroyed" = "open";
  readonly #finished: () => void;
  /** Resolves when it has been ended or destroyed. */
  readonly finished: Promise<void>;

  constructor() {
    let finish = (): void => {};
    this.finished = new Promise((resolve) => {
      finish = resolve;
    });
    this.#finished = finish;
  }

  write(bytes: Uint8Array): boolean {
    if (this.state === "open") this.text += new TextDecoder().decode(bytes);
    return true;
  }

  end(): void {
    if (this.state === "open") this.state = "ended";
    this.#finished();
  }

  destroy(): void {
    this.state = "destroyed";
    this.#finished();
  }

  pause(): void {}
  resume(): void {}
}

/** The bytes of some text. */
export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Sends a word to whoever claims first bytes, and what follows; the answer once it is complete. */
export async function ask(
  claim: (word: Uint8Array, connection: Connection) => ByteSink | undefined,
  word: string,
  ...chunks: readonly Uint8Array[]
): Promise<string | undefined> {
  const connection = new RecordedConnection();
  const sink = claim(bytesOf(word), connection);
  if (sink === undefined) return undefined;
  for (const chunk of chunks) sink.chunk(chunk);
  await connection.finished;
  sink.closed();
  return connection.text;
}
