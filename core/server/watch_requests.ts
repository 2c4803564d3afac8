import { type ErrorName, ZkError } from "../errors/zk_error.ts";
import { NO_NODE } from "../tree/tree.ts";
import type { JuteReader } from "../wire/jute.ts";
import { EVENT_TYPES } from "../wire/opcodes.ts";
import type { Zxid } from "../wire/zxid.ts";
import { notificationFrame } from "./notification.ts";
import type { Reading } from "./reads.ts";
import { WATCH } from "./watches.ts";

/**
 * What a null path is watched as, by {@link addWatch} and its kin: as in Apache's later releases it
 * is a path of its own, at which nothing ever happens.
 */
const NULL_PATH = "\0";
/** Notifications that belong to no transaction carry this zxid. */
const NO_ZXID: Zxid = -1;

/**
 * Answers setWatches and setWatches2: for each path either the event that the client missed, or the
 * watch (CP 5.3). Events come before the reply.
 */
export function setWatches(reading: Reading, withPersistent: boolean): ErrorName | undefined {
  const { reader, connection, context } = reading;
  const { tree, dataWatches, childWatches } = context;
  const since = reader.long();
  const [dataPaths, existPaths, childPaths] = [vector(reader), vector(reader), vector(reader)];
  const persistentPaths = withPersistent ? vector(reader) : [];
  const recursivePaths = withPersistent ? vector(reader) : [];
  const tell = (type: number, path: string): void => {
    connection.notify(notificationFrame(NO_ZXID, type, path));
    // It may have been one event too many; a watch must not outlive its connection.
    if (connection.isClosed) throw new ZkError("ConnectionLoss");
    connection.effort += 1;
  };
  for (const path of pathsOf(dataPaths)) {
    const node = tree.findPath(path);
    if (node === NO_NODE) tell(EVENT_TYPES.deleted, path);
    else if (tree.mzxid(node) > since) tell(EVENT_TYPES.dataChanged, path);
    else dataWatches.add(path, connection, WATCH.standard);
  }
  for (const path of pathsOf(existPaths)) {
    if (tree.findPath(path) !== NO_NODE) tell(EVENT_TYPES.created, path);
    else dataWatches.add(path, connection, WATCH.standard);
  }
  for (const path of pathsOf(childPaths)) {
    const node = tree.findPath(path);
    if (node === NO_NODE) tell(EVENT_TYPES.deleted, path);
    else if (tree.pzxid(node) > since) tell(EVENT_TYPES.childrenChanged, path);
    else childWatches.add(path, connection, WATCH.standard);
  }
  for (const path of pathsOf(persistentPaths, NULL_PATH)) {
    dataWatches.add(path, connection, WATCH.persistent);
    childWatches.add(path, connection, WATCH.persistent);
  }
  for (const path of pathsOf(recursivePaths, NULL_PATH)) {
    dataWatches.add(path, connection, WATCH.recursive);
  }
  return undefined;
}

/** Answers addWatch; the znode need not exist (CP 5.4). */
export function addWatch(reading: Reading): ErrorName | undefined {
  const { reader, out, connection, context } = reading;
  const path = reader.string() ?? NULL_PATH;
  const mode = reader.int();
  if (mode === 0) {
    context.dataWatches.add(path, connection, WATCH.persistent);
    context.childWatches.add(path, connection, WATCH.persistent);
  } else if (mode === 1) {
    context.dataWatches.add(path, connection, WATCH.recursive);
  } else {
    throw new ZkError("MarshallingError");
  }
  out.int(0);
  return undefined;
}

/** Which kinds of watch each type of checkWatches and removeWatches means (`WatcherType`). */
const WATCHER_TYPES = [
  undefined,
  { data: 0, child: WATCH.standard },
  { data: WATCH.standard, child: 0 },
  { data: 7, child: 7 },
  { data: WATCH.persistent, child: WATCH.persistent },
  { data: WATCH.recursive, child: 0 },
] as const;

/** Answers checkWatches and removeWatches: `NoWatcher` when there is none of the type. */
export function changeWatches(reading: Reading, remove: boolean): ErrorName | undefined {
  const { reader, connection, context } = reading;
  const path = reader.string() ?? NULL_PATH;
  const kinds = WATCHER_TYPES[reader.int()];
  if (kinds === undefined) throw new ZkError("MarshallingError");
  const { dataWatches, childWatches } = context;
  if (!remove) {
    const found =
      dataWatches.has(path, connection, kinds.data) ||
      childWatches.has(path, connection, kinds.child);
    // Apache looks for a path's part after part, of which the empty one has none.
    return found && path !== "" ? undefined : "NoWatcher";
  }
  const data = dataWatches.remove(path, connection, kinds.data);
  const child = childWatches.remove(path, connection, kinds.child);
  return data || child ? undefined : "NoWatcher";
}

type Vector = readonly (string | null)[] | null;

function vector(reader: JuteReader): Vector {
  const count = reader.count();
  if (count === null) return null;
  const items: (string | null)[] = [];
  for (let i = 0; i < count; i++) items.push(reader.string());
  return items;
}

/**
 * The paths one by one. A null vector, or a null path that nothing stands for, fails the request
 * only when it is met: what comes before it is done, as in Apache.
 */
function* pathsOf(paths: Vector, forNull?: string): IterableIterator<string> {
  if (paths === null) throw new ZkError("MarshallingError");
  for (const given of paths) {
    const path = given ?? forNull;
    if (path === undefined) throw new ZkError("MarshallingError");
    yield path;
  }
}
