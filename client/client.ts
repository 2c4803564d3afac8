import type { Observable } from "rxjs";
import { ERROR_CODES } from "../core/errors/zk_error.ts";
import { OPCODES } from "../core/wire/opcodes.ts";
import type { Stat } from "../core/wire/records.ts";
import type { Zxid } from "../core/wire/zxid.ts";
import { authBytes } from "./identities.ts";
import { type LastingWatch, LastingWatches, WATCH_TYPES } from "./lasting_watches.ts";
import { type LiveSource, liveChildren, liveData, liveStat } from "./live.ts";
import { liveTree, type TreeEvent } from "./live_tree.ts";
import type { ChildrenResult, DataResult } from "./operations.ts";
import { type ClientOptions, type SessionTicket, type Settings, settle } from "./options.ts";
import { checkPath, fromServerPath, toServerPath } from "./paths.ts";
import { type CallOptions, ClientRequests, pathProblem } from "./requests.ts";
import { Session } from "./session.ts";
import type { ClientState } from "./state.ts";
import { type OnceKind, type WatchListener, WatchTable } from "./watch_table.ts";

/** How far a watch made by {@link ZooKeeperClient.addWatch} reaches. */
export interface AddWatchOptions extends CallOptions {
  /** Also all znodes below; then changes of children are told by the children alone. */
  readonly recursive?: boolean;
}

/** Watches of some kind on one path. */
export type WatchType = keyof typeof WATCH_TYPES;

interface Parts {
  readonly settings: Settings;
  readonly watches: WatchTable;
  readonly session: Session;
  readonly attached: Set<() => void>;
}

/**
 * A client of a ZooKeeper ensemble, of Apache's servers and Zookit's alike: a session that survives
 * lost connections, the operations of {@link ClientRequests}, watches, and observables.
 */
export class ZooKeeperClient extends ClientRequests implements AsyncDisposable {
  readonly #session: Session;
  readonly #watches: WatchTable;
  readonly #lasting: LastingWatches;
  readonly #chroot: string;
  readonly #live: LiveSource;

  /** @throws {ZkError} `BadArguments` for servers or a chroot that make no sense. */
  constructor(options: ClientOptions) {
    const { settings, watches, session, attached } = assemble(settle(options));
    const { chroot } = settings;
    super(session, watches, {
      to: (path) => toServerPath(chroot, path),
      from: (path) => fromServerPath(chroot, path),
    });
    this.#session = session;
    this.#watches = watches;
    this.#chroot = chroot;
    this.#lasting = new LastingWatches(session, watches);
    this.#live = {
      state$: session.state,
      attached,
      watch: (path, isRecursive, listener) => this.#watch(path, isRecursive, listener),
      getData: (path) => this.getData(path),
      getChildren: (path) => this.getChildren(path),
      exists: (path) => this.exists(path),
    };
  }

  /** Every change of state, the current one first; completes with the final one. */
  get state$(): Observable<ClientState> {
    return this.#session.state.asObservable();
  }

  get state(): ClientState {
    return this.#session.state.value;
  }

  /** What another client needs to take this session over. */
  get session(): SessionTicket {
    const { id, password } = this.#session.held;
    return { id: id.toBigInt(), password: password.slice() };
  }

  /** The newest transaction that a reply has shown. */
  get lastZxid(): Zxid {
    return this.#session.lastZxid;
  }

  /**
   * Begins to connect and resolves when the session is there. Attempts go on until {@link close},
   * also after the signal has rejected this promise.
   *
   * @throws {ZkError} `AuthFailed` or `SessionExpired`; with the signal's reason when aborted.
   */
  connect({ signal }: CallOptions = {}): Promise<void> {
    this.#session.start();
    return this.#session.whenAttached(signal);
  }

  /**
   * Ends the session, and with it its ephemeral znodes, after all requests made so far. Resolves
   * when the server has confirmed, or the connection is lost; never rejects.
   */
  close(): Promise<void> {
    return this.#session.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * Proves an identity, now and on every later connection.
   *
   * @throws {ZkError} `AuthFailed` when it is refused, which ends the client.
   */
  addAuth(scheme: string, data: string | Uint8Array, { signal }: CallOptions = {}): Promise<void> {
    return this.#session.addAuth(scheme, authBytes(data), signal);
  }

  /**
   * Listens to every change of a znode until released. Survives lost connections, but is not told
   * of changes made between two: read again when {@link state$} says `connected`, or use
   * {@link data$} and its like, which do. Servers from 3.6 on.
   */
  async addWatch(
    path: string,
    listener: WatchListener,
    { recursive = false, signal }: AddWatchOptions = {},
  ): Promise<LastingWatch> {
    signal?.throwIfAborted();
    const watch = this.#watch(path, recursive, listener);
    try {
      await watch.ready;
      signal?.throwIfAborted();
    } catch (error) {
      void watch.release();
      throw error;
    }
    return watch;
  }

  /**
   * Removes one-shot watches of this client; their listeners are not called. `any` leaves the
   * watches of {@link addWatch} and of observables in place.
   *
   * @throws {ZkError} `NoWatcher` when there is none.
   */
  removeWatches(
    path: string,
    type: "children" | "data" | "any",
    { signal }: CallOptions = {},
  ): Promise<void> {
    const problem = pathProblem(path);
    if (problem !== undefined) return problem;
    const at = toServerPath(this.#chroot, path);
    const kinds: readonly OnceKind[] = ONCE_KINDS[type];
    const isLasting = this.#watches.hasLasting(at, false) || this.#watches.hasLasting(at, true);
    if (isLasting && this.#watches.hasOnce(at)) {
      this.#watches.clearOnce(at, kinds);
      return Promise.resolve();
    }
    const writer = this.#session.begin(OPCODES.removeWatches);
    writer.string(at);
    writer.int(WATCH_TYPES[isLasting ? "children" : type]);
    const decode = () => this.#watches.clearOnce(at, kinds);
    return this.#session.finish<void>({ path, decode, signal });
  }

  /** Whether the server holds a watch of this client, of a type, on a path. */
  checkWatches(path: string, type: WatchType, { signal }: CallOptions = {}): Promise<boolean> {
    const problem = pathProblem(path);
    if (problem !== undefined) return problem;
    const writer = this.#session.begin(OPCODES.checkWatches);
    writer.string(toServerPath(this.#chroot, path));
    writer.int(WATCH_TYPES[type]);
    return this.#session.finish({
      path,
      decode: () => true,
      recover: (error) => (error === "NoWatcher" ? { value: false } : undefined),
      signal,
    });
  }

  /**
   * The data of a znode, now and whenever they are set; null while it is missing. States that
   * follow each other faster than they can be read are left out; the last one never is, and none
   * comes after a newer one. Completes with {@link close}; fails with the session or a refusal.
   */
  data$(path: string): Observable<DataResult | null> {
    return liveData(this.#live, path);
  }

  /** The children of a znode, now and whenever one comes or goes; otherwise as {@link data$}. */
  children$(path: string): Observable<ChildrenResult | null> {
    return liveChildren(this.#live, path);
  }

  /** The Stat of a znode, now and whenever it is created, set or deleted; see {@link data$}. */
  exists$(path: string): Observable<Stat | null> {
    return liveStat(this.#live, path);
  }

  /**
   * A znode and all below it: a snapshot, then what is created, changed and deleted, with the data;
   * otherwise as {@link data$}. Also across lost connections, where the differences are told.
   */
  tree$(path: string): Observable<TreeEvent> {
    return liveTree(this.#live, path);
  }

  #watch(path: string, isRecursive: boolean, listener: WatchListener): LastingWatch {
    checkPath(path);
    return this.#lasting.acquire(toServerPath(this.#chroot, path), isRecursive, listener);
  }
}

const ONCE_KINDS = {
  children: ["child"],
  data: ["data", "exist"],
  any: ["child", "data", "exist"],
} as const;

function assemble(settings: Settings): Parts {
  const { chroot, logger } = settings;
  const watches = new WatchTable(chroot, logger);
  const attached = new Set<() => void>();
  const session = new Session(settings, {
    notified: (reader, zxid) => watches.notified(reader, zxid),
    watchFrames: (zxid) => watches.frames(zxid),
    watchesRefused: (code) => {
      logger.warn("the server refused to set watches again", { code });
      if (code === ERROR_CODES.Unimplemented) watches.knowsPersistent = false;
    },
    attached: () => {
      for (const listener of [...attached]) listener();
    },
    sessionEnded: () => watches.endSession(),
  });
  return { settings, watches, session, attached };
}

/**
 * Makes a client and waits for its session.
 *
 * @throws {ZkError} as {@link ZooKeeperClient.connect}; then the client is closed.
 */
export async function connect(
  options: ClientOptions,
  { signal }: CallOptions = {},
): Promise<ZooKeeperClient> {
  const client = new ZooKeeperClient(options);
  try {
    await client.connect({ signal });
  } catch (error) {
    await client.close();
    throw error;
  }
  return client;
}
