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
    "      this.#newLeaderAt = peer.log.last;\n",
    "      this.#newLeaderAt = peer.log.last;\n      this.#acknowledgeLeader();\n",
  ]),
  {
    name: "epoch on disk before the transactions (4643)",
    edits: [
      { file: LEARNER_SYNC, find: "    if (peer.durable < this.#newLeaderAt) return;\n", put: "" },
      {
        file: "plugins/zab/disk_effects.ts",
        find: '    if (effect.kind !== "append") return this.#queue',
        put:
          '    if (effect.kind === "store-epoch") {\n' +
          "      void this.#run(effect, replica).catch(this.#parts.failed);\n" +
          "      return;\n    }\n" +
          '    if (effect.kind !== "append") return this.#queue',
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
  mutant(
    "the window of transactions is not fed while synchronising (4925)",
    `${CORE}/log_tail.ts`,
    [
      "    this.#applied = zxid;\n    this.#forget();",
      "    const wasFar = this.#applied > 0 && zxid > this.#applied + 1;\n" +
        "    this.#applied = zxid;\n" +
        "    if (wasFar) this.#runs = this.#runs.filter((run) => run.lastZxid > zxid);\n" +
        "    this.#forget();",
    ],
  ),
  mutant(
    "NEWLEADER before what follows the snapshot (3104)",
    `${CORE}/leader_learners.ts`,
    [
      "    const committed = this.#committed;\n    for",
      "    const committed = this.#committed;\n    this.#sendNewLeader(link);\n    for",
    ],
    [
      "    const { membership, pending } = this.#peer;\n    const text",
      "  }\n\n  #sendNewLeader(link: LearnerLink): void {\n" +
        "    const { membership, pending } = this.#peer;\n    const text",
    ],
  ),
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
  mutant("the old quorum alone in a reconfig", `${CORE}/peer.ts`, [
    "return this.membership.hasQuorum(has) && this.pending?.hasQuorum(has) !== false;",
    "return this.membership.hasQuorum(has);",
  ]),
  mutant("the new quorum alone in a reconfig", `${CORE}/peer.ts`, [
    "return this.membership.hasQuorum(has) && this.pending?.hasQuorum(has) !== false;",
    "return (this.pending ?? this.membership).hasQuorum(has);",
  ]),
  mutant("removed members count by their old files", `${CORE}/zab_core.ts`, [
    "        return peer.recallMembership(input.members);\n",
    "        return;\n",
  ]),
  mutant("members that were only heard of come into force", `${CORE}/peer.ts`, [
    "    if (!this.#isPendingLogged || pending.version > this.log.last) this.#forgetPending();\n",
    "    if (pending.version > this.log.last) this.#forgetPending();\n",
  ]),
  mutant("a sync asks no quorum", LEADER, [
    "      if (through <= after && !this.#isAnswered(round)) break;\n",
    "      if (through < 0 && !this.#isAnswered(round)) break;\n",
  ]),
  mutant("session owner unchecked", `${CORE}/leader_sessions.ts`, [
    'return owner === from ? undefined : "SessionMoved";',
    "return undefined;",
  ]),
  {
    name: "neither votes nor leaders look at who has more of the history",
    edits: [
      {
        file: `${CORE}/vote.ts`,
        find: "  if (one.zxid !== other.zxid) return one.zxid > other.zxid;\n",
        put: "",
      },
      {
        file: `${CORE}/leader_discovery.ts`,
        find: "if (isAhead && this.#peer.mayLead(link.sid)) this.#overtakenBy = link.sid;",
        put: "if (isAhead && currentEpoch < 0) this.#overtakenBy = link.sid;",
      },
    ],
  },
];

/** Faults in storage and snapshots. */
const STORAGE: readonly Mutant[] = [
  mutant("a checkpoint says that it holds more than it does", "core/server/checkpoints.ts", [
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
  {
    name: "memory kept after an aborted SNAP (3642)",
    edits: [
      {
        file: "core/server/replica.ts",
        find: "    this.#reset(this.#parts.makeTree());\n    const loader",
        put: "    this.#reset(tree);\n    const loader",
      },
      {
        file: `${CORE}/peer.ts`,
        find: "    this.#isTreeForeign = true;\n",
        put: "    this.#installing = { epoch: this.currentEpoch, zxid };\n",
      },
      {
        file: `${CORE}/peer.ts`,
        find: '      case "snapshot-received":\n        this.#busyTree = "no";\n',
        put: '      case "snapshot-received":\n        this.#treeIs(this.#installing.zxid);\n',
      },
    ],
  },
  {
    name: "a checkpoint of what is not committed",
    edits: [
      {
        file: "plugins/zab/driver.ts",
        find: ' && replica !== undefined && this.status.serving === "read-write") {',
        put: " && replica !== undefined) {",
      },
      {
        file: "plugins/zab/driver.ts",
        find: '    this.#input({ kind: "start", stored',
        put: '    this.#hasDelivered = true;\n    this.#input({ kind: "start", stored',
      },
      {
        file: "storage/sqlite/storage_engine.ts",
        find: "if (through > this.#lastZxid || through < this.#tree.zxid) return false;",
        put: "if (through > this.#lastZxid) return false;",
      },
      {
        file: "storage/sqlite/storage_engine.ts",
        find: "    if (!isInLog && through !== this.#tree.zxid) return false;\n",
        put: "",
      },
    ],
  },
];

/** Faults in what clients see. */
const SERVER: readonly Mutant[] = [
  mutant(
    "a read before the own write",
    "core/server/connection.ts",
    [
      "    } else if (route === ROUTE.sync) {\n",
      "    } else if (route === ROUTE.read && !this.#blocked) {\n" +
        "      const out = this.#context.output.open(this);\n" +
        "      const at = out.length;\n" +
        "      this.#execute(bytes, start, end);\n" +
        "      this.#early.push(out.copy(at));\n" +
        "      out.truncate(at);\n" +
        "    } else if (route === ROUTE.sync) {\n",
    ],
    [
      "      this.#execute(queue.bytes, queue.headStart, queue.headEnd);\n",
      "      const early = route === ROUTE.read ? this.#early.shift() : undefined;\n" +
        "      if (early !== undefined) this.#context.output.open(this).raw(early);\n" +
        "      else this.#execute(queue.bytes, queue.headStart, queue.headEnd);\n",
    ],
    ["  #syncsDone = 0;\n", "  #syncsDone = 0;\n  readonly #early: Uint8Array[] = [];\n"],
  ),
  mutant("a reply before its event", "core/server/connection.ts", [
    "    output.append(this, frame);\n",
    "    this.#context.clock.after(1, () => {\n" +
      "      output.append(this, frame);\n" +
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

/**
 * Some that few seeds catch, and from which seed on: enough to see each time that the checkers
 * work.
 */
export const QUICK: ReadonlyMap<string, number> = new Map([
  ["the old quorum alone in a reconfig", 3],
  ["a sync asks no quorum", 8],
  ["memory kept after an aborted SNAP (3642)", 12],
  ["acknowledgement before fsync", 1],
  ["TRUNC off by one", 1],
  ["append() resolves before the disk has the row", 1],
  ["a checkpoint of what is not committed", 1],
  ["a read before the own write", 1],
  ["a reply before its event", 1],
]);
