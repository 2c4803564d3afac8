import { ANY_VERSION, OPCODES } from "../core/wire/opcodes.ts";
import {
  type Acl,
  type Id,
  readAcls,
  readIds,
  readStat,
  type Stat,
  writeAcls,
} from "../core/wire/records.ts";
import {
  checkWrites,
  type PathMapping,
  type ReadOperation,
  type ReadResult,
  readMulti,
  readMultiRead,
  type WriteOperation,
  type WriteResult,
  writeMulti,
  writeMultiRead,
} from "./multi.ts";
import {
  type ChildrenResult,
  type CreateSettings,
  checkCreate,
  createOpcode,
  type Data,
  type DataResult,
  decodeChildren,
  decodeData,
  decodeStat,
  isSequential,
  readNames,
  writeCreate,
  writeData,
} from "./operations.ts";
import { checkCreatePath, checkPath } from "./paths.ts";
import {
  CONFIG_PATH,
  type ConfigResult,
  decodeConfig,
  type ReconfigSettings,
  writeReconfig,
} from "./reconfig.ts";
import type { Decode } from "./request.ts";
import type { Session } from "./session.ts";
import type { OnceKind, WatchListener, WatchTable } from "./watch_table.ts";

/** What every operation takes. */
export interface CallOptions {
  /** Rejects the promise with the signal's reason; the request may have been sent and be done. */
  readonly signal?: AbortSignal | undefined;
}

/** For reads that may set a one-shot watch. */
export interface WatchOptions extends CallOptions {
  /** Called once, when what was read has changed; connections may come and go until then. */
  readonly watch?: WatchListener | undefined;
}

/** For writes that may depend on a version. */
export interface VersionOptions extends CallOptions {
  /** Refuses with `BadVersion` unless it is this one; default: any. */
  readonly version?: number | undefined;
}

/** How {@link ClientRequests.create} is called. */
export type CreateOptions = CreateSettings & CallOptions;

/** What a create gave. */
export interface CreateResult {
  /** The path asked for; in sequential modes with the number that the server added. */
  readonly path: string;
  readonly stat: Stat;
}

/** An access control list with the Stat whose `aversion` counts its changes. */
export interface AclResult {
  readonly acl: readonly Acl[];
  readonly stat: Stat;
}

const MISSING = { value: null };

/**
 * The operations on znodes. Requests are sent in the order of the calls and settle in the order of
 * the replies; events of watches come before any later reply settles.
 *
 * Every operation rejects with a {@link ZkError}: the server's refusal with the path;
 * `ConnectionLoss` (it may or may not have been done); `SessionExpired` (also after close);
 * `AuthFailed`; `BadArguments` for a path that is none or a request that is too large;
 * `ThrottledOp` when too much waits already (it was not sent).
 */
export class ClientRequests {
  readonly #session: Session;
  readonly #watches: WatchTable;
  readonly #paths: PathMapping;

  constructor(session: Session, watches: WatchTable, paths: PathMapping) {
    this.#session = session;
    this.#watches = watches;
    this.#paths = paths;
  }

  /** Creates a znode; `data` is empty unless given. */
  create(path: string, data: Data = "", options: CreateOptions = {}): Promise<CreateResult> {
    const paths = this.#paths;
    const problem = problemOf(() => {
      checkCreatePath(path, isSequential(options.mode));
      checkCreate(path, options);
    });
    if (problem !== undefined) return problem;
    const writer = this.#session.begin(createOpcode(options.mode));
    writeCreate(writer, paths.to(path), { ...options, data });
    const decode: Decode<CreateResult> = (reader) => ({
      path: paths.from(reader.text()),
      stat: readStat(reader),
    });
    return this.#session.finish({ path, decode, signal: options.signal });
  }

  /** Deletes a znode without children. */
  delete(path: string, { version = ANY_VERSION, signal }: VersionOptions = {}): Promise<void> {
    const problem = pathProblem(path);
    if (problem !== undefined) return problem;
    const writer = this.#session.begin(OPCODES.delete);
    writer.string(this.#paths.to(path));
    writer.int(version);
    return this.#session.finish<void>({ path, signal });
  }

  /** The Stat of a znode, or null when there is none; a watch is set in both cases. */
  exists(path: string, { watch, signal }: WatchOptions = {}): Promise<Stat | null> {
    const problem = pathProblem(path);
    if (problem !== undefined) return problem;
    const at = this.#beginRead(OPCODES.exists, path, watch === undefined ? undefined : "data");
    const listen = (kind: OnceKind) => this.#listen(kind, at, { watch, signal });
    return this.#session.finish<Stat | null>({
      path,
      signal,
      decode: (reader) => {
        listen("data");
        return readStat(reader);
      },
      recover: (error) => {
        if (error !== "NoNode") return undefined;
        listen("exist");
        return MISSING;
      },
    });
  }

  /** The data of a znode. */
  getData(path: string, { watch, signal }: WatchOptions = {}): Promise<DataResult> {
    return this.#read(OPCODES.getData, path, {
      kind: "data",
      decode: decodeData,
      options: { watch, signal },
    });
  }

  /** The names of a znode's children. */
  getChildren(path: string, { watch, signal }: WatchOptions = {}): Promise<ChildrenResult> {
    return this.#read(OPCODES.getChildren2, path, {
      kind: "child",
      decode: decodeChildren,
      options: { watch, signal },
    });
  }

  /** Replaces the data of a znode. */
  setData(
    path: string,
    data: Data,
    { version = ANY_VERSION, signal }: VersionOptions = {},
  ): Promise<Stat> {
    const problem = pathProblem(path);
    if (problem !== undefined) return problem;
    const writer = this.#session.begin(OPCODES.setData);
    writer.string(this.#paths.to(path));
    writeData(writer, data);
    writer.int(version);
    return this.#session.finish({ path, decode: decodeStat, signal });
  }

  /** The access control list of a znode. */
  getAcl(path: string, { signal }: CallOptions = {}): Promise<AclResult> {
    const decode: Decode<AclResult> = (reader) => ({
      acl: readAcls(reader) ?? [],
      stat: readStat(reader),
    });
    return this.#ask(OPCODES.getAcl, path, { decode, signal });
  }

  /** Replaces the access control list of a znode; `version` is compared with `aversion`. */
  setAcl(
    path: string,
    acl: readonly Acl[],
    { version = ANY_VERSION, signal }: VersionOptions = {},
  ): Promise<Stat> {
    const problem = pathProblem(path);
    if (problem !== undefined) return problem;
    const writer = this.#session.begin(OPCODES.setAcl);
    writer.string(this.#paths.to(path));
    writeAcls(writer, acl);
    writer.int(version);
    return this.#session.finish({ path, decode: decodeStat, signal });
  }

  /** How many znodes are below one, at any depth. */
  getAllChildrenNumber(path: string, { signal }: CallOptions = {}): Promise<number> {
    return this.#ask(OPCODES.getAllChildrenNumber, path, {
      decode: (reader) => reader.int(),
      signal,
    });
  }

  /** Paths of this session's ephemeral znodes that begin with the text `prefix`. */
  getEphemerals(prefix = "/", { signal }: CallOptions = {}): Promise<string[]> {
    const paths = this.#paths;
    const root = paths.to("/");
    const decode: Decode<string[]> = (reader) => {
      const all = readNames(reader);
      // The server compares text: a chroot of /app would find /apple too.
      const own = root === "/" ? all : all.filter((path) => path.startsWith(`${root}/`));
      return own.map((path) => paths.from(path));
    };
    const writer = this.#session.begin(OPCODES.getEphemerals);
    writer.string(paths.to(prefix));
    return this.#session.finish({ path: prefix, decode, signal });
  }

  /** Waits until the server has seen all that its leader had committed; then reads are fresh. */
  sync(path = "/", { signal }: CallOptions = {}): Promise<void> {
    return this.#ask<void>(OPCODES.sync, path, { signal });
  }

  /**
   * Does all of several writes, or none.
   *
   * @throws {MultiError} naming the operation that was refused.
   */
  multi(
    operations: readonly WriteOperation[],
    { signal }: CallOptions = {},
  ): Promise<WriteResult[]> {
    const problem = problemOf(() => checkWrites(operations));
    if (problem !== undefined) return problem;
    const paths = this.#paths;
    writeMulti(this.#session.begin(OPCODES.multi), operations, paths);
    const decode: Decode<WriteResult[]> = (reader) => readMulti(reader, operations, paths);
    return this.#session.finish({ decode, signal });
  }

  /** Does several reads in one request; each succeeds or fails alone. Servers from 3.6 on. */
  multiRead(
    operations: readonly ReadOperation[],
    { signal }: CallOptions = {},
  ): Promise<ReadResult[]> {
    const problem = problemOf(() => {
      for (const { path } of operations) checkPath(path);
    });
    if (problem !== undefined) return problem;
    writeMultiRead(this.#session.begin(OPCODES.multiRead), operations, this.#paths);
    const decode: Decode<ReadResult[]> = (reader) => readMultiRead(reader, operations);
    return this.#session.finish({ decode, signal });
  }

  /** The identities that the server knows this connection by. Servers from 3.7 on. */
  whoAmI({ signal }: CallOptions = {}): Promise<Id[]> {
    this.#session.begin(OPCODES.whoAmI);
    return this.#session.finish({ decode: readIds, signal });
  }

  /** The members of the ensemble, as the server that is asked knows them. */
  getConfig({ signal }: CallOptions = {}): Promise<ConfigResult> {
    const writer = this.#session.begin(OPCODES.getData);
    writer.string(CONFIG_PATH); // Also for who has a chroot.
    writer.boolean(false);
    return this.#session.finish({ path: CONFIG_PATH, decode: decodeConfig, signal });
  }

  /**
   * Changes the members of the ensemble; who may write `/zookeeper/config` may, which is only the
   * superuser unless its ACL is changed.
   *
   * @throws {ZkError} `ReconfigDisabled`, `ReconfigInProgress` (ask again), `BadVersion`,
   * `BadArguments`, `NewConfigNoQuorum` (no quorum of them is connected and in sync), `NoAuth`.
   */
  reconfig(settings: ReconfigSettings, { signal }: CallOptions = {}): Promise<ConfigResult> {
    writeReconfig(this.#session.begin(OPCODES.reconfig), settings);
    return this.#session.finish({ path: CONFIG_PATH, decode: decodeConfig, signal });
  }

  /** A request whose body is a path alone. */
  #ask<T>(
    opcode: number,
    path: string,
    options: { readonly decode?: Decode<T>; readonly signal: AbortSignal | undefined },
  ): Promise<T> {
    const problem = pathProblem(path);
    if (problem !== undefined) return problem;
    this.#session.begin(opcode).string(this.#paths.to(path));
    return this.#session.finish<T>({ path, ...options });
  }

  #read<T>(
    opcode: number,
    path: string,
    how: { readonly kind: OnceKind; readonly decode: Decode<T>; readonly options: WatchOptions },
  ): Promise<T> {
    const problem = pathProblem(path);
    if (problem !== undefined) return problem;
    const { kind, decode, options } = how;
    const { watch, signal } = options;
    const at = this.#beginRead(opcode, path, watch === undefined ? undefined : kind);
    if (watch === undefined) return this.#session.finish({ path, decode, signal });
    const listening: Decode<T> = (reader, zxid) => {
      this.#listen(kind, at, options);
      return decode(reader, zxid);
    };
    return this.#session.finish({ path, decode: listening, signal });
  }

  /** @returns the path as the server knows it. */
  #beginRead(opcode: number, path: string, kind: OnceKind | undefined): string {
    const at = this.#paths.to(path);
    const writer = this.#session.begin(opcode);
    writer.string(at);
    writer.boolean(kind !== undefined && !this.#watches.covers(at));
    return at;
  }

  /** Called with the reply: from here on events are the listener's. */
  #listen(kind: OnceKind, at: string, { watch, signal }: WatchOptions): void {
    if (watch === undefined || signal?.aborted === true) return;
    this.#watches.addOnce(kind, at, watch);
  }
}

/** The rejection for a check that throws, or undefined. */
function problemOf(check: () => void): Promise<never> | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    return Promise.reject(error);
  }
}

/** The rejection for a path that is none, or undefined. */
export function pathProblem(path: string): Promise<never> | undefined {
  return problemOf(() => checkPath(path));
}
