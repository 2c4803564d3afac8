import type {
  LogBatch,
  Snapshot,
  SnapshotSlice,
  Storage,
  StorageState,
  StorageTraits,
  Zxid,
} from "zookit";
import { MemoryStorage } from "zookit/storage/memory";
import { base64, type Entry, Journal, sliceFrom, sliceText } from "./journal.ts";

/**
 * A storage whose state is in memory and whose changes are lines of a file: each is synced before
 * it is acknowledged, and all are done again at the next start. The file grows while the server
 * runs; opening it leaves out what counts no longer. It does not keep a second server away.
 */
export class JsonLinesStorage implements Storage {
  readonly traits: StorageTraits = { durable: true };
  readonly #journal: Journal;
  readonly #state = new MemoryStorage();
  #checkpointZxid: Zxid = 0;
  #acceptedEpoch = 0;
  #currentEpoch = 0;
  /** Slices of a snapshot that are in the journal and not yet in force. */
  #staged: SnapshotSlice[] = [];

  constructor(path: string) {
    this.#journal = new Journal(path);
  }

  async open(): Promise<StorageState> {
    const entries = await this.#journal.open();
    await this.#state.open();
    for (const entry of entries) await this.#do(entry);
    await this.#compact();
    return {
      lastZxid: this.lastZxid,
      checkpointZxid: this.#checkpointZxid,
      acceptedEpoch: this.#acceptedEpoch,
      currentEpoch: this.#currentEpoch,
    };
  }

  get lastZxid(): Zxid {
    return this.#state.lastZxid;
  }

  async append(batch: LogBatch): Promise<void> {
    // Refuses what does not ascend, before anything is written.
    await this.#state.append(batch);
    await this.#journal.append(appendEntry(batch));
  }

  read(after: Zxid): AsyncIterable<LogBatch> {
    return this.#state.read(after);
  }

  sizeBetween(after: Zxid, through: Zxid): Promise<number> {
    return this.#state.sizeBetween(after, through);
  }

  async truncate(through: Zxid): Promise<boolean> {
    const isDone = await this.#state.truncate(through);
    if (isDone) await this.#journal.append({ kind: "truncate", through });
    return isDone;
  }

  setAcceptedEpoch(epoch: number): Promise<void> {
    return this.#perform({ kind: "acceptedEpoch", epoch });
  }

  setCurrentEpoch(epoch: number): Promise<void> {
    return this.#perform({ kind: "currentEpoch", epoch });
  }

  async checkpoint({ zxid, slices }: Snapshot): Promise<void> {
    for await (const slice of slices) {
      await this.#perform({ kind: "slice", slice: sliceText(slice) });
    }
    await this.#perform({ kind: "checkpoint", zxid });
  }

  load(): Snapshot {
    return this.#state.load();
  }

  async install({ zxid, slices }: Snapshot, currentEpoch: number): Promise<void> {
    let sliceCount = 0;
    for await (const slice of slices) {
      await this.#perform({ kind: "staged", slice: sliceText(slice) });
      sliceCount += 1;
    }
    await this.#perform({ kind: "install", zxid, sliceCount, currentEpoch });
  }

  async trim(before: Zxid): Promise<Zxid> {
    const floor = await this.#state.trim(before);
    await this.#journal.append({ kind: "trim", before });
    return floor;
  }

  async damage(): Promise<readonly string[]> {
    await this.#state.damage(); // Fails when it is not open.
    return await this.#journal.damage();
  }

  async close(): Promise<void> {
    await this.#state.close();
    await this.#journal.close();
  }

  async #perform(entry: Entry): Promise<void> {
    await this.#journal.append(entry);
    await this.#do(entry);
  }

  /** Does what a line of the journal says: now, or again at the next start. */
  async #do(entry: Entry): Promise<void> {
    const state = this.#state;
    switch (entry.kind) {
      case "append":
        await state.append({ ...entry.batch, bytes: Buffer.from(entry.batch.bytes, "base64") });
        return;
      case "truncate":
        await state.truncate(entry.through);
        return;
      case "trim":
        await state.trim(entry.before);
        return;
      case "acceptedEpoch":
        this.#acceptedEpoch = entry.epoch;
        return;
      case "currentEpoch":
        this.#currentEpoch = entry.epoch;
        return;
      case "slice":
        // The tree is newer in part, and its zxid the former one until the checkpoint is whole.
        await state.checkpoint(snapshotOf(this.#checkpointZxid, [sliceFrom(entry.slice)]));
        return;
      case "checkpoint":
        this.#checkpointZxid = entry.zxid;
        await state.checkpoint(snapshotOf(entry.zxid, []));
        return;
      case "staged":
        this.#staged.push(sliceFrom(entry.slice));
        return;
      case "install": {
        // What stands before them was left by a snapshot that was broken off.
        const slices = this.#staged.slice(this.#staged.length - entry.sliceCount);
        this.#staged = [];
        this.#checkpointZxid = entry.zxid;
        this.#currentEpoch = entry.currentEpoch;
        await state.install(snapshotOf(entry.zxid, slices), entry.currentEpoch);
      }
    }
  }

  /** Writes the journal anew: the tree, the log above it, the epochs. */
  async #compact(): Promise<void> {
    const entries: Entry[] = [];
    const { zxid, slices } = this.#state.load();
    for await (const slice of slices) entries.push({ kind: "staged", slice: sliceText(slice) });
    const currentEpoch = this.#currentEpoch;
    entries.push({ kind: "install", zxid, sliceCount: entries.length, currentEpoch });
    for await (const batch of this.#state.read(zxid)) entries.push(appendEntry(batch));
    entries.push({ kind: "acceptedEpoch", epoch: this.#acceptedEpoch });
    await this.#journal.replace(entries);
  }
}

function appendEntry({ bytes, ...rest }: LogBatch): Entry {
  return { kind: "append", batch: { ...rest, bytes: base64(bytes) } };
}

function snapshotOf(zxid: Zxid, slices: readonly SnapshotSlice[]): Snapshot {
  return {
    zxid,
    slices: (async function* () {
      yield* slices;
    })(),
  };
}
