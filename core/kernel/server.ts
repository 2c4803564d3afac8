import { ADMIN_COMMAND } from "../contracts/admin.ts";
import { AUDITOR, type Auditor } from "../contracts/audit.ts";
import { AUTH_PROVIDER } from "../contracts/auth.ts";
import { type Cancel, CLOCK, type Clock } from "../contracts/clock.ts";
import { CONSENSUS } from "../contracts/consensus.ts";
import { ENTROPY } from "../contracts/entropy.ts";
import { INSPECTION, type ServerInspection } from "../contracts/inspection.ts";
import { LOG_THRESHOLD, LOGGER, type Logger } from "../contracts/logger.ts";
import { METRICS } from "../contracts/metrics.ts";
import { SERVICE, type Service } from "../contracts/service.ts";
import { SESSION_TRACKING } from "../contracts/sessions.ts";
import { STORAGE, type Storage } from "../contracts/storage.ts";
import type { Token } from "../contracts/token.ts";
import { type Accept, FIRST_BYTES, TRANSPORT, type Transport } from "../contracts/transport.ts";
import { ClientServer } from "../server/client_server.ts";
import { Inspection } from "../server/inspection.ts";
import { resolveOptions, SERVER_OPTIONS, type ServerOptions } from "../server/options.ts";
import { Reaper } from "../server/reaper.ts";
import { SequenceWatch } from "../server/sequence_watch.ts";
import type { ChangeStreams } from "../watch/changes.ts";
import { type SessionFeed, StateFeed } from "../watch/state.ts";
import { Container } from "./container.ts";
import { orderPlugins, type Plugin } from "./plugin.ts";

/** Contracts that several plugins of one server may fill. */
const MANY: ReadonlySet<Token<unknown>> = new Set<Token<unknown>>([
  TRANSPORT,
  AUTH_PROVIDER,
  FIRST_BYTES,
  SERVICE,
  ADMIN_COMMAND,
  AUDITOR,
  LOG_THRESHOLD,
]);

/** Contracts that no server can do without. */
const NEEDED: readonly Token<unknown>[] = [
  CLOCK,
  ENTROPY,
  LOGGER,
  METRICS,
  STORAGE,
  SESSION_TRACKING,
  CONSENSUS,
];

/** Longest time that one step of stopping may take, ms. */
const STOP_STEP_MS_MAX = 15_000;

/** The plugins a server is made of, and its settings. */
export interface ServerDefinition extends Partial<ServerOptions> {
  readonly plugins: readonly Plugin[];
}

/** A server: starts once, stops once. Several in one process do not know of each other. */
export class KernelServer {
  /** Committed changes, for applications in this process. */
  readonly changes: ChangeStreams;
  /** Sessions as they begin and end, from the replicated state. */
  readonly sessions: SessionFeed["stream"];
  /** What the server is doing; the present state first. Errors when it failed. */
  readonly state: StateFeed["stream"];
  /** Takes a connection that somebody else accepted: how clients in the same process come in. */
  readonly accept: Accept;
  readonly clock: Clock;
  readonly #container: Container;
  readonly #logger: Logger;
  readonly #storage: Storage;
  readonly #clients: ClientServer;
  readonly #inspection: ServerInspection;
  readonly #reaper: Reaper;
  readonly #sequences: SequenceWatch;
  readonly #states = new StateFeed();
  readonly #transports: Transport[];
  readonly #auditors: readonly Auditor[];
  #services: Service[] = [];
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(definition: ServerDefinition) {
    const { plugins, ...given } = definition;
    const options = resolveOptions(given);
    this.#container = new Container();
    const own: Plugin = {
      name: "kernel",
      provides: [INSPECTION, SERVER_OPTIONS],
      requires: [],
      register: (container) => {
        container.provide(INSPECTION, () => this.#inspection);
        container.value(SERVER_OPTIONS, options);
      },
    };
    for (const plugin of orderPlugins([own, ...plugins], MANY, NEEDED)) {
      plugin.register(this.#container);
    }
    const { get, all } = resolver(this.#container);
    this.clock = get(CLOCK);
    this.#logger = get(LOGGER);
    this.#storage = get(STORAGE);
    this.#transports = all(TRANSPORT);
    this.#auditors = all(AUDITOR);
    this.#clients = new ClientServer(
      {
        clock: this.clock,
        entropy: get(ENTROPY),
        logger: this.#logger,
        metrics: get(METRICS),
        consensus: get(CONSENSUS),
        tracking: get(SESSION_TRACKING),
        authProviders: all(AUTH_PROVIDER),
        auditors: this.#auditors,
      },
      options,
      (error) => this.#fail(error),
    );
    this.#inspection = new Inspection(this.#clients, get(METRICS), this.#transports);
    this.#reaper = new Reaper(this.#clients);
    this.#sequences = new SequenceWatch(this.#clients, get(METRICS));
    this.changes = this.#clients.changes;
    this.sessions = this.#clients.sessionEvents.stream;
    this.state = this.#states.stream;
    this.accept = (connection) => this.#clients.accept(connection);
  }

  /** Where clients connect, one line for each transport; empty before {@link start}. */
  get addresses(): readonly string[] {
    return this.#transports.map((transport) => transport.address).filter((text) => text !== "");
  }

  /** The port of the first transport that has one, 0 before {@link start}. */
  get port(): number {
    return this.#transports.find(({ port }) => port > 0)?.port ?? 0;
  }

  /**
   * Recovers what is stored, then lets clients in. Resolves when the server listens.
   *
   * @throws {StorageError} when the disk or what is on it is not fit; {@link TransportError} when
   * an address is in use. What was begun is stopped again, and the server cannot be started anew.
   */
  async start(): Promise<void> {
    if (this.#states.now !== "idle") {
      throw new Error(`a server starts once; this one is ${this.#states.now}`);
    }
    this.#states.set("starting");
    this.#starting = this.#start();
    try {
      await this.#starting;
      for (const auditor of this.#auditors) auditor.started(true);
    } catch (error) {
      for (const auditor of this.#auditors) auditor.started(false);
      await this.stop();
      throw error;
    }
  }

  /**
   * Stops: listens no more, finishes what is on its way to disk, closes every connection. Sessions
   * live on and may reconnect after a restart. Calling it again waits for the same end.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #start(): Promise<void> {
    const consensus = this.#container.get(CONSENSUS);
    this.#services = this.#container.all(SERVICE);
    this.#clients.start(this.#container.all(FIRST_BYTES));
    const beganMs = this.clock.now();
    await consensus.start(this.#clients.replica);
    const loading = this.#container.get(METRICS).summary("dbinittime", "Time to load the tree, ms");
    loading.observe(this.clock.now() - beganMs);
    this.#mayGoOn();
    this.#reaper.start();
    this.#sequences.start();
    for (const service of this.#services) {
      await service.start();
      this.#mayGoOn();
    }
    for (const transport of this.#transports) {
      await transport.listen(this.accept);
      this.#mayGoOn();
    }
    this.#states.set("running");
  }

  #mayGoOn(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#stopping !== undefined) throw new Error("the server was stopped while it started");
  }

  async #stop(): Promise<void> {
    if (this.#states.now === "running") for (const auditor of this.#auditors) auditor.stopping();
    this.#states.set("stopping");
    const step = (name: string, task: () => Promise<void>): Promise<void> =>
      this.#bounded(name, task);
    // What it is opening now is there to be closed afterwards; why it failed is start()'s to say.
    await step("start", async () => this.#starting?.catch(() => {}));
    for (const transport of this.#transports) {
      await step(`transport ${transport.name}`, () => transport.close());
    }
    this.#reaper.stop();
    this.#sequences.stop();
    await step("consensus", () => this.#container.get(CONSENSUS).stop());
    this.#clients.stop();
    for (const service of [...this.#services].reverse()) {
      await step(`service ${service.name}`, () => service.stop());
    }
    await step("storage", () => this.#storage.close());
    if (this.#failure === undefined) this.#states.set("stopped");
    else this.#states.fail(this.#failure.error);
  }

  /** One step of stopping: what fails or takes too long is logged, and the next one follows. */
  async #bounded(name: string, task: () => Promise<void>): Promise<void> {
    let cancel: Cancel | undefined;
    const tooLong = new Promise<void>((resolve) => {
      cancel = this.clock.after(STOP_STEP_MS_MAX, () => {
        this.#logger.error("a step of stopping takes too long, going on", { step: name });
        resolve();
      });
    });
    const run = async (): Promise<void> => task(); // A part may even throw at once.
    const done = run().catch((error) => {
      this.#logger.error("a step of stopping failed, going on", { step: name, error });
    });
    await Promise.race([done, tooLong]);
    cancel?.();
  }

  /** A broken invariant or disk: nothing is answered any more (D21). */
  #fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    this.#logger.error("the server failed and stops", { error });
    if (this.#states.now === "running") void this.stop();
  }
}

function resolver(container: Container): {
  get: <T>(target: Token<T>) => T;
  all: <T>(target: Token<T>) => T[];
} {
  return {
    get: (target) => container.get(target),
    all: (target) => container.all(target),
  };
}
