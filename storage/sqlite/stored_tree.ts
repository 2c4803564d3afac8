import { locateNodeRecord, type NodeRecord } from "../../core/contracts/node_record.ts";
import {
  type AclRecord,
  type SessionRecord,
  type Snapshot,
  type SnapshotSlice,
  StorageError,
} from "../../core/contracts/storage.ts";
import { getInt, JuteReader, JuteWriter } from "../../core/wire/jute.ts";
import { readAcls, readSessionId, writeSessionId } from "../../core/wire/records.ts";
import { formatZxid, ZXID_ZERO, type Zxid } from "../../core/wire/zxid.ts";
import type { Area, Disk, NodePage, PartRow, TreeFile, TreeState } from "./disk.ts";
import { crcOfPart, partCrc, requireSound, treeStateCrc } from "./log_check.ts";
import { NodeGroup } from "./node_group.ts";
import { StoredAcls } from "./stored_acls.ts";

// Pages of some 100 kB come from memory that was used before; larger ones are mapped each time.
const SLICE_NODES = 500;
/** Deleted paths that make a change of the stored tree full. */
const DELETED_FULL = 2_000;
const SESSIONS_ID = 0;

/** The checkpoint: the stored tree, how it takes changes, and how a whole one replaces it. */
export class StoredTree {
  readonly #disk: Disk;
  #acls = new StoredAcls();
  #stagedAcls = new StoredAcls();
  #state: TreeState = stateOf(ZXID_ZERO, 0, 0);

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  get #file(): TreeFile {
    return this.#disk.tree;
  }

  get zxid(): Zxid {
    return this.#state.zxid;
  }

  get installCount(): number {
    return this.#state.installCount;
  }

  /** @param installCount the log's; when it is ahead, a swap that was decided is finished here. */
  async open(installCount: number, isNew: boolean): Promise<void> {
    let state = await this.#file.state("live");
    if (state === undefined && isNew) {
      state = stateOf(ZXID_ZERO, 0, 0);
      await this.#file.change("live", { state });
    }
    if (state === undefined) {
      throw new StorageError("damaged", "tree.db is empty, but log.db is in use");
    }
    if (state.installCount !== installCount) state = await this.#finishSwap(installCount);
    await this.#file.clearStaged();
    requireSound(findStateDamage(state));
    this.#state = state;
    const parts = await this.#file.parts("live");
    for (const part of parts) requireSound(findPartDamage(part));
    this.#acls = new StoredAcls(parts.filter((part) => part.id !== SESSIONS_ID));
  }

  async #finishSwap(installCount: number): Promise<TreeState> {
    const staged = await this.#file.state("staged");
    if (staged?.installCount !== installCount) {
      throw new StorageError("damaged", "log.db and tree.db do not belong together");
    }
    requireSound(findStateDamage(staged));
    await this.#file.swap();
    return staged;
  }

  /** See `Storage.checkpoint`. */
  async takeChanges(changes: Snapshot): Promise<void> {
    const { installCount } = this.#state;
    // While nodes are newer than the zxid, their number says nothing.
    this.#state = stateOf(this.#state.zxid, -1, installCount);
    await this.#file.change("live", { state: this.#state });
    await this.#take("live", changes, this.#acls);
    const state = stateOf(changes.zxid, await this.#file.count("live"), installCount);
    await this.#file.change("live", { state });
    this.#state = state;
  }

  /** Receives a whole tree beside the live one. */
  async stage(whole: Snapshot, installCount: number): Promise<void> {
    await this.#file.clearStaged();
    this.#stagedAcls = new StoredAcls();
    await this.#take("staged", whole, this.#stagedAcls);
    const nodeCount = await this.#file.count("staged");
    await this.#file.change("staged", { state: stateOf(whole.zxid, nodeCount, installCount) });
  }

  /** Takes out what was staged. */
  clearStaged(): Promise<void> {
    return this.#file.clearStaged();
  }

  /** Makes the staged tree the live one. */
  async swap(): Promise<void> {
    const state = await this.#file.state("staged");
    await this.#file.swap();
    this.#state = state!;
    this.#acls = this.#stagedAcls;
  }

  async #take(area: Area, snapshot: Snapshot, acls: StoredAcls): Promise<void> {
    const storedIds = new Map<number, number>();
    const group = new NodeGroup();
    let parts: PartRow[] = [];
    let deleted: string[] = [];
    const flush = async (): Promise<void> => {
      await this.#file.change(area, { parts, deleted, nodes: group.rows() });
      parts = [];
      deleted = [];
      group.clear();
    };
    for await (const slice of snapshot.slices) {
      // Within one change, nodes come after what is deleted.
      const isNext = slice.deleted.length > 0 && !group.isEmpty;
      if (isNext || group.isFull || deleted.length >= DELETED_FULL) await flush();
      parts.push(...acls.take(slice.acls, storedIds));
      if (slice.sessions !== undefined) parts.push(sessionsPart(slice.sessions));
      deleted.push(...slice.deleted);
      group.add(slice.nodes, storedIds);
    }
    await flush();
  }

  /** See `Storage.load`. @throws {StorageError} `damaged`, from the iteration. */
  async *slices(): AsyncGenerator<SnapshotSlice> {
    const parts = await this.#file.parts("live");
    for (const part of parts) requireSound(findPartDamage(part));
    let sessions: SessionRecord[] | undefined = sessionsOf(parts);
    let acls: AclRecord[] = parts.filter((part) => part.id !== SESSIONS_ID).map(aclRecord);
    let count = 0;
    let reading = this.#file.scan("live", "", SLICE_NODES);
    for (;;) {
      const page = await reading;
      if (page.count === 0) break;
      // The disk reads on while this page is looked at; whoever stops here need not hear of it.
      reading = this.#file.scan("live", page.lastPath, SLICE_NODES);
      reading.catch(() => {});
      requireSound(findPageDamage(page));
      count += page.count;
      yield { sessions, acls, deleted: [], nodeCount: page.count, nodes: page.records };
      sessions = undefined;
      acls = [];
    }
    requireSound(findCountDamage(this.#state, count));
    if (count > 0 || sessions === undefined || sessions.length === 0) return;
    yield { sessions, acls, deleted: [], nodeCount: 0, nodes: new Uint8Array(0) };
  }

  async damage(): Promise<string[]> {
    const problems = [findStateDamage(this.#state)];
    for (const part of await this.#file.parts("live")) problems.push(findPartDamage(part));
    let count = 0;
    let after = "";
    for (;;) {
      const page = await this.#file.scan("live", after, SLICE_NODES);
      if (page.count === 0) break;
      problems.push(findPageDamage(page));
      count += page.count;
      after = page.lastPath;
    }
    problems.push(findCountDamage(this.#state, count));
    return problems.filter((problem) => problem !== undefined);
  }
}

function stateOf(zxid: Zxid, nodeCount: number, installCount: number): TreeState {
  const state = { zxid, nodeCount, installCount };
  return { ...state, crc: treeStateCrc(state) };
}

function findStateDamage(state: TreeState): string | undefined {
  return state.crc === treeStateCrc(state)
    ? undefined
    : `the zxid ${formatZxid(state.zxid)} of tree.db does not match its checksum`;
}

function findPartDamage(part: PartRow): string | undefined {
  if (part.crc === partCrc(part)) return undefined;
  const name = part.id === SESSIONS_ID ? "the session map" : `access control list ${part.id}`;
  return `${name} in tree.db does not match its checksum`;
}

function findCountDamage({ nodeCount }: TreeState, count: number): string | undefined {
  if (nodeCount === -1 || nodeCount === count) return undefined;
  return `tree.db holds ${count} znodes and should hold ${nodeCount}`;
}

function findPageDamage(page: NodePage): string | undefined {
  const { records, crcs } = page;
  const found: NodeRecord = { pathStart: 0, pathEnd: 0, aclAt: 0, end: 0 };
  let at = 0;
  try {
    for (let index = 0; index < page.count; index++) {
      locateNodeRecord(records, at, found);
      if (crcOfPart(records, at, found.end) !== getInt(crcs, index * 4)) break;
      at = found.end;
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // A record that does not parse: told below.
  }
  const isSound = page.keysMatch && at === records.length;
  return isSound ? undefined : `a znode up to ${page.lastPath} in tree.db is damaged`;
}

function sessionsPart(sessions: readonly SessionRecord[]): PartRow {
  const writer = new JuteWriter(sessions.length * 12 + 1);
  for (const { id, timeoutMs } of sessions) {
    writeSessionId(writer, id);
    writer.int(timeoutMs);
  }
  const part = { id: SESSIONS_ID, bytes: writer.copy() };
  return { ...part, crc: partCrc(part) };
}

function sessionsOf(parts: readonly PartRow[]): SessionRecord[] {
  const sessions: SessionRecord[] = [];
  const bytes = parts.find((part) => part.id === SESSIONS_ID)?.bytes ?? new Uint8Array(0);
  const reader = new JuteReader(bytes);
  while (reader.remaining > 0) {
    sessions.push({ id: readSessionId(reader), timeoutMs: reader.int() });
  }
  return sessions;
}

function aclRecord({ id, bytes }: PartRow): AclRecord {
  return { id, acls: readAcls(new JuteReader(bytes)) ?? [] };
}
