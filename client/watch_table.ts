import type { Logger } from "../core/contracts/logger.ts";
import type { JuteReader } from "../core/wire/jute.ts";
import { JuteWriter } from "../core/wire/jute.ts";
import { EVENT_TYPES, OPCODES, XIDS } from "../core/wire/opcodes.ts";
import { readWatcherEvent } from "../core/wire/records.ts";
import type { Zxid } from "../core/wire/zxid.ts";
import { fromServerPath, parentPath } from "./paths.ts";

/** What happened to a watched znode; `lost`: the session ended, and the watch will not fire. */
export type WatchEventType = "created" | "deleted" | "dataChanged" | "childrenChanged" | "lost";

/** What a watch tells. It says that something changed, not what is there now: read again. */
export interface WatchEvent {
  readonly type: WatchEventType;
  readonly path: string;
  /** The transaction behind it; undefined when the server does not say (Apache before 3.9). */
  readonly zxid: Zxid | undefined;
}

/** Called in the order of the wire: before any later reply settles. Must not throw. */
export type WatchListener = (event: WatchEvent) => void;

/** The tables of one-shot watches: data of a znode, a znode that is missing, children. */
export type OnceKind = "data" | "exist" | "child";

const EVENT_NAMES: Readonly<Record<number, WatchEventType>> = {
  [EVENT_TYPES.created]: "created",
  [EVENT_TYPES.deleted]: "deleted",
  [EVENT_TYPES.dataChanged]: "dataChanged",
  [EVENT_TYPES.childrenChanged]: "childrenChanged",
};
/** Text of paths in one setWatches frame; Apache's client splits at 128 kB as well. */
const FRAME_PATH_BYTES = 100_000;
const READY = Promise.resolve();

type Table = Map<string, Set<WatchListener>>;

/** All watches of a client, by the paths that the server knows. */
export class WatchTable {
  readonly #chroot: string;
  readonly #logger: Logger;
  readonly #once: Readonly<Record<OnceKind, Table>> = {
    data: new Map(),
    exist: new Map(),
    child: new Map(),
  };
  readonly #persistent: Table = new Map();
  readonly #recursive: Table = new Map();
  /** False once a server said that it does not know setWatches2 (before 3.6). */
  knowsPersistent = true;

  constructor(chroot: string, logger: Logger) {
    this.#chroot = chroot;
    this.#logger = logger;
  }

  addOnce(kind: OnceKind, path: string, listener: WatchListener): void {
    addTo(this.#once[kind], path, listener);
  }

  hasOnce(path: string): boolean {
    const { data, exist, child } = this.#once;
    return data.has(path) || exist.has(path) || child.has(path);
  }

  /** Forgets the one-shot watches of some kinds on a path. */
  clearOnce(path: string, kinds: readonly OnceKind[]): void {
    for (const kind of kinds) this.#once[kind].delete(path);
  }

  /** @returns true for the first listener of this mode on this path. */
  addLasting(path: string, isRecursive: boolean, listener: WatchListener): boolean {
    const table = isRecursive ? this.#recursive : this.#persistent;
    const isFirst = !table.has(path);
    addTo(table, path, listener);
    return isFirst;
  }

  /** @returns true when the last listener of this mode on this path has gone. */
  removeLasting(path: string, isRecursive: boolean, listener: WatchListener): boolean {
    const table = isRecursive ? this.#recursive : this.#persistent;
    const listeners = table.get(path);
    if (listeners === undefined || !listeners.delete(listener) || listeners.size > 0) return false;
    return table.delete(path);
  }

  hasLasting(path: string, isRecursive: boolean): boolean {
    return (isRecursive ? this.#recursive : this.#persistent).has(path);
  }

  /**
   * True when a lasting watch on the path tells what a one-shot watch would. The server need not
   * know the latter then, and should not: before 3.9 it would replace the lasting one.
   */
  covers(path: string): boolean {
    return this.#persistent.has(path) || this.#recursive.has(path);
  }

  /** Takes a notification; listeners are called behind the promises that settled before it. */
  notified(reader: JuteReader, zxid: Zxid): void {
    const event = readWatcherEvent(reader);
    const type = EVENT_NAMES[event.type];
    if (type === undefined) return;
    const listeners = this.#take(type, event.path);
    const known = zxid > 0 ? zxid : undefined;
    this.#deliver(listeners, { type, path: fromServerPath(this.#chroot, event.path), zxid: known });
    if (type === "created" || type === "deleted") this.#deliverToParent(event.path, known);
  }

  /** Tells the one-shot watches that they will not fire. */
  endSession(): void {
    for (const table of Object.values(this.#once)) {
      for (const [path, listeners] of table) {
        const event = { path: fromServerPath(this.#chroot, path), zxid: undefined };
        this.#deliver([...listeners], { type: "lost", ...event });
      }
      table.clear();
    }
  }

  /** The setWatches frames that bring every watch to a new connection. */
  frames(relativeZxid: Zxid): Uint8Array[] {
    const { data, exist, child } = this.#once;
    const lists = [[...data.keys()], [...exist.keys()], [...child.keys()]];
    if (this.knowsPersistent && this.#persistent.size + this.#recursive.size > 0) {
      // One mode a path: see LastingWatches.
      const plain = [...this.#persistent.keys()].filter((path) => !this.#recursive.has(path));
      lists.push(plain, [...this.#recursive.keys()]);
    }
    const entries = lists.flatMap((paths, index) => paths.map((path) => ({ path, index })));
    const frames: Uint8Array[] = [];
    let sizeBytes = 0;
    let part: string[][] = lists.map(() => []);
    for (const { path, index } of entries) {
      const pathBytes = path.length * 3;
      if (sizeBytes > 0 && sizeBytes + pathBytes > FRAME_PATH_BYTES) {
        frames.push(setWatchesFrame(relativeZxid, part));
        part = lists.map(() => []);
        sizeBytes = 0;
      }
      part[index]?.push(path);
      sizeBytes += pathBytes;
    }
    if (sizeBytes > 0) frames.push(setWatchesFrame(relativeZxid, part));
    return frames;
  }

  #take(type: WatchEventType, path: string): WatchListener[] {
    const found = new Set<WatchListener>();
    const kinds = ONCE_KINDS[type];
    for (const kind of kinds) {
      const listeners = this.#once[kind].get(path);
      if (listeners === undefined) continue;
      for (const listener of listeners) found.add(listener);
      this.#once[kind].delete(path);
    }
    for (const listener of this.#persistent.get(path) ?? []) found.add(listener);
    if (type === "childrenChanged" || this.#recursive.size === 0) return [...found];
    for (let at = path; ; at = parentPath(at)) {
      for (const listener of this.#recursive.get(at) ?? []) found.add(listener);
      if (at === "/") return [...found];
    }
  }

  /** A recursive watch says nothing of children; those who asked hear of it all the same. */
  #deliverToParent(path: string, zxid: Zxid | undefined): void {
    const parent = parentPath(path);
    if (path === "/" || !this.#recursive.has(parent)) return;
    const listeners = new Set(this.#persistent.get(parent));
    for (const listener of this.#once.child.get(parent) ?? []) listeners.add(listener);
    this.#once.child.delete(parent);
    const event = { path: fromServerPath(this.#chroot, parent), zxid };
    this.#deliver([...listeners], { type: "childrenChanged", ...event });
  }

  #deliver(listeners: readonly WatchListener[], event: WatchEvent): void {
    if (listeners.length === 0) return;
    void READY.then(() => {
      for (const listener of listeners) {
        try {
          listener(event);
        } catch (error) {
          this.#logger.error("a watch listener threw", { path: event.path, error });
        }
      }
    });
  }
}

const ONCE_KINDS: Readonly<Record<WatchEventType, readonly OnceKind[]>> = {
  created: ["data", "exist"],
  dataChanged: ["data", "exist"],
  deleted: ["data", "exist", "child"],
  childrenChanged: ["child"],
  lost: [],
};

function addTo(table: Table, path: string, listener: WatchListener): void {
  const listeners = table.get(path);
  if (listeners === undefined) table.set(path, new Set([listener]));
  else listeners.add(listener);
}

function setWatchesFrame(relativeZxid: Zxid, lists: readonly (readonly string[])[]): Uint8Array {
  const writer = new JuteWriter(1024);
  writer.int(0);
  writer.int(XIDS.setWatches);
  writer.int(lists.length > 3 ? OPCODES.setWatches2 : OPCODES.setWatches);
  writer.long(relativeZxid);
  for (const paths of lists) writer.strings(paths);
  writer.intAt(0, writer.length - 4);
  return writer.copy();
}
