/** One change of a source text; `find` must stand there exactly once. */
export interface Edit {
  readonly file: string;
  readonly find: string;
  readonly put: string;
}

/** A fault that somebody could make, and that the seeds must notice. */
export interface Mutant {
  /** What is wrong then; with the issue of Apache's that it brings back, where there is one. */
  readonly name: string;
  readonly edits: readonly Edit[];
}

function mutant(
  name: string,
  file: string,
  ...pairs: readonly [find: string, put: string][]
): Mutant {
  return { name, edits: pairs.map(([find, put]) => ({ file, find, put })) };
}

const CORE = "plugins/zab/core";
const LEARNER_SYNC = `${CORE}/learner_sync.ts`;
const LEARNER_LOG = `${CORE}/learner_log.ts`;
const LEADER = `${CORE}/leader_broadcast.ts`;

/** Faults in consensus. */
const ZAB: readonly Mutant[] = [
  mutant("acknowledgement before fsync", "plugins/zab/disk_queue.ts", [
    "    await this.#storage.append(batch);\n",
    "    if (!this.#isStopped) this.#user.durable(batch.lastZxid);\n" +
      "    await this.#storage.append(batch);\n",
  ]),
  mutant("acknowledgement while the log is written behind", "plugins/zab/disk_queue.ts", [
    "    this.#queue.push(batch);\n",
    "    this.#queue.push(batch);\n    this.#user.durable(batch.lastZxid);\n",
  ]),
  mutant("NEWLEADER acknowledged before the log is durable (3911)", LEARNER_SYNC, [
    "    if (peer.durable < this.#newLeaderAt) return;\n",
    "",
  ]),
  {
    name: "epoch on disk before the transactions (4643)",
    edits: [
      { file: LEARNER_SYNC, find: "    if (peer.durable < this.#newLeaderAt) return;\n", put: "" },
      {
        file: "plugins/zab/disk_effects.ts",
        find: 'if (effect.kind === "append") this.#queue.append(effect.batch);',
        put:
          'if (effect.kind === "store-epoch") {\n' +
          "      void this.#run(effect, replica).catch(this.#parts.failed);\n    }\n" +
          '    else if (effect.kind === "append") this.#queue.append(effect.batch);',
      },
    ],
  },
  mutant("DIFF moves the last zxid (2355)", LEARNER_SYNC, [
    "    // DIFF moves nothing (ZOOKEEPER-2355)",
    '    if (kind === "diff" && zxid > peer.log.last) return peer.log.reset(zxid);\n    //',
  ]),
  mutant("uncommitted transactions dropped after SNAP (4394)", LEARNER_SYNC, [
    "    for (const staged of this.#staged) this.#log.propose(staged);\n",
    "    this.#learner.peer.log.reset(this.#stagedLast);\n",
  ]),
  mutant("NEWLEADER taken before the end of SNAP (3104)", LEARNER_SYNC, [
    "      this.#held = [];\n      return peer.receiveSnapshot(this.#link, zxid);",
    "      return peer.receiveSnapshot(this.#link, zxid);",
  ]),
  mutant("what is proposed is applied at once", LEARNER_LOG, [
    "    this.#learner.peer.append(fresh);\n",
    "    this.#learner.peer.append(fresh);\n" +
      "    if (this.#mayDeliver) this.#learner.peer.deliver(fresh.lastZxid);\n",
  ]),
  mutant("TRUNC off by one", "storage/sqlite/storage_engine.ts", [
    "        cutAbove: through,\n",
    "        cutAbove: through + 1,\n",
  ]),
  mutant("a transaction committed by fewer than a quorum", LEADER, [
    "peer.hasQuorum((sid) => (acked.get(sid) ?? 0) >= zxid)) best = zxid;",
    "peer.hasQuorum((sid) => sid === peer.sid || acked.has(sid))) best = zxid;",
  ]),
  mutant("the own log counts before it is durable, in the leader", LEADER, [
    "[[peer.sid, peer.durable]]",
    "[[peer.sid, peer.log.last]]",
  ]),
  mutant("session owner unchecked", `${CORE}/leader_sessions.ts`, [
    'return owner === from ? undefined : "SessionMoved";',
    "return undefined;",
  ]),
  mutant("votes ignore the epoch", `${CORE}/vote.ts`, [
    "  if (one.peerEpoch !== other.peerEpoch) return one.peerEpoch > other.peerEpoch;\n",
    "",
  ]),
  mutant("votes ignore the log", `${CORE}/vote.ts`, [
    "  if (one.zxid !== other.zxid) return one.zxid > other.zxid;\n",
    "",
  ]),
  mutant("a leader does not look at who has more of the history", `${CORE}/leader_discovery.ts`, [
    "if (isAhead) this.#overtakenBy = link.sid;",
    "if (isAhead && currentEpoch < 0) this.#overtakenBy = link.sid;",
  ]),
  mutant("the promise of an epoch is not kept on disk", "plugins/zab/disk_effects.ts", [
    'if (which === "accepted") await storage.setAcceptedEpoch(epoch);',
    'if (which === "accepted") await undefined;',
  ]),
];

/** Faults in storage and snapshots. */
const STORAGE: readonly Mutant[] = [
  mutant("a checkpoint says that it holds more than it does", "plugins/zab/checkpoints.ts", [
    "storage.checkpoint({ zxid,",
    "storage.checkpoint({ zxid: storage.lastZxid,",
  ]),
  mutant("append() resolves before the disk has the row", "storage/sqlite/storage_engine.ts", [
    "      await this.#disk.log.append(row);\n",
    "      this.#disk.log.append(row).catch(() => {});\n",
  ]),
  mutant("a checkpoint records its zxid before its znodes", "storage/sqlite/stored_tree.ts", [
    "    this.#state = stateOf(this.#state.zxid, -1, installCount);",
    "    this.#state = stateOf(changes.zxid, -1, installCount);",
  ]),
  mutant("memory kept after an aborted SNAP (3642)", "core/server/replica.ts", [
    "    this.#reset(this.#parts.makeTree());\n    const loader = new SnapshotLoader(tree);",
    "    this.#reset(tree);\n    const loader = new SnapshotLoader(tree);",
  ]),
  mutant(
    "the log of before stays when a snapshot is installed",
    "storage/sqlite/storage_engine.ts",
    ["const lowest = ZXID_ZERO - 1;", "const lowest = this.#lastZxid;"],
  ),
];

/** Faults in what clients see. */
const SERVER: readonly Mutant[] = [
  mutant(
    "a server that is behind welcomes a client that has seen more",
    "core/server/handshake.ts",
    ["    if (request.lastZxidSeen > tree.lastZxid) return connection.destroy();\n", ""],
  ),
  mutant("a reply before its event", "core/server/connection.ts", [
    "    output.open(this).raw(frame);\n",
    "    this.#context.clock.after(1, () => {\n" +
      "      output.open(this).raw(frame);\n" +
      "      output.flush();\n" +
      "    });\n",
  ]),
  mutant("a moved client's watches are not looked at", "core/server/watch_requests.ts", [
    "    else if (tree.mzxid(node) > since) tell(EVENT_TYPES.dataChanged, path);\n",
    "",
  ]),
  mutant("ephemerals outlive their session", "core/tree/apply.ts", [
    "      this.#delete(false);\n    }\n    this.#deleteRemaining();",
    "    }",
  ]),
  mutant("numbers of sequential znodes count the children", "core/server/prepare_write.ts", [
    "sequenceSuffix(parent.cversion)",
    "sequenceSuffix(parent.childCount)",
  ]),
];

/** Every mutant; the seeds must catch each. */
export const MUTANTS: readonly Mutant[] = [...ZAB, ...STORAGE, ...SERVER];
