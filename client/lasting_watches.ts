import { OPCODES } from "../core/wire/opcodes.ts";
import type { Session } from "./session.ts";
import type { WatchListener, WatchTable } from "./watch_table.ts";

/** Modes of addWatch (`AddWatchMode` in Apache ZooKeeper). */
const MODES = { persistent: 0, recursive: 1 } as const;

/** Which watches removeWatches and checkWatches mean (`WatcherType` in Apache ZooKeeper). */
export const WATCH_TYPES = {
  children: 1,
  data: 2,
  any: 3,
  /** Servers from 3.9 on. */
  persistent: 4,
  /** Servers from 3.9 on. */
  persistentRecursive: 5,
} as const;

/** A share in a watch on the server. */
export interface LastingWatch {
  /** Resolves when the server has the watch; rejects like any request. */
  readonly ready: Promise<void>;
  /** Gives the share back; with the last one the watch leaves the server. Once. */
  release(): Promise<void>;
}

/**
 * Persistent watches, shared by all who listen to a path. A path that is wanted in both modes is
 * watched recursively alone, and the changes of its children are derived: a server before 3.9 knows
 * only the last mode that was set (CP 5.2).
 */
export class LastingWatches {
  readonly #session: Session;
  readonly #table: WatchTable;
  /** The addWatch on its way or done, so that all who share it learn how it went. */
  readonly #ready = new Map<string, Promise<void>>();

  constructor(session: Session, table: WatchTable) {
    this.#session = session;
    this.#table = table;
  }

  /** Begins to listen; what is asked after this call is answered after the watch is set. */
  acquire(path: string, isRecursive: boolean, listener: WatchListener): LastingWatch {
    const table = this.#table;
    const isFirst = table.addLasting(path, isRecursive, listener);
    if (isFirst && (isRecursive || !table.hasLasting(path, true))) this.#set(path, isRecursive);
    let released: Promise<void> | undefined;
    const release = async () => {
      if (table.removeLasting(path, isRecursive, listener)) await this.#unset(path, isRecursive);
    };
    return {
      ready: this.#ready.get(path) ?? Promise.resolve(),
      release: () => {
        released ??= release();
        return released;
      },
    };
  }

  #set(path: string, isRecursive: boolean): void {
    const mode = isRecursive ? MODES.recursive : MODES.persistent;
    const ready = this.#request(OPCODES.addWatch, path, mode);
    this.#ready.set(path, ready);
    // Whoever shares it sees the failure; nobody may be left by then.
    ready.catch(() => {
      if (this.#ready.get(path) === ready) this.#ready.delete(path);
    });
    const other = WATCH_TYPES.persistent;
    if (isRecursive && this.#table.hasLasting(path, false)) {
      void this.#request(OPCODES.removeWatches, path, other).catch(ignored);
    }
  }

  async #unset(path: string, isRecursive: boolean): Promise<void> {
    const { removeWatches } = OPCODES;
    if (this.#table.hasLasting(path, !isRecursive)) {
      if (!isRecursive) return;
      this.#set(path, false);
      await this.#request(removeWatches, path, WATCH_TYPES.persistentRecursive).catch(ignored);
      return;
    }
    this.#ready.delete(path);
    // One-shot watches rely on it (see WatchTable.covers): it stays until the connection ends.
    if (this.#table.hasOnce(path) || !this.#session.isAttached) return;
    await this.#request(removeWatches, path, WATCH_TYPES.any).catch(ignored);
  }

  #request(opcode: number, path: string, argument: number): Promise<void> {
    const writer = this.#session.begin(opcode);
    writer.string(path);
    writer.int(argument);
    return this.#session.finish<void>({ path });
  }
}

/** Losing a watch that nobody wants any more is no loss: on a new connection it is gone anyway. */
function ignored(): void {}
