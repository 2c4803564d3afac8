import { checkHistory } from "../checkers/check_history.ts";
import { Committed } from "../checkers/committed.ts";
import { History } from "../checkers/history.ts";
import { checkMembers } from "../checkers/member_rules.ts";
import { MembersInForce } from "../checkers/members.ts";
import { Random } from "../random.ts";
import { type SimulationReport, simulate } from "../simulate.ts";
import type { World, WorldOptions } from "../world.ts";
import type { FaultScene } from "./faults.ts";
import { orphansOf, readEverything } from "./final_state.ts";
import { Nemesis, Supervisor } from "./nemesis.ts";
import { memberLine } from "./reconfig_faults.ts";
import { LAST, REGISTERS, Workload } from "./workload.ts";

const TICK_MS = 200;
/** Acknowledged writes that a run must have to count. */
const WRITES_MIN = 100;
/** Faults go on at least and at most so long, virtual ms. */
const FAULTS_MS = [15_000, 120_000] as const;
/** Ticks after the last fault within which every server serves and writes pass. */
const LIVENESS_TICKS = 150;
const LIMIT_MS = 300_000;
/** Part of the ensembles whose members change. */
const RECONFIG_SHARE = 0.25;

/** What one seed showed. */
export interface SeedResult {
  readonly report: SimulationReport;
  /** Whether enough happened to count: writes, a change of leader, two kinds of fault. */
  readonly counts: boolean;
  readonly acknowledged: number;
  /** How often what happened. */
  readonly coverage: ReadonlyMap<string, number>;
}

/** Changes of what runs. */
export interface SeedOptions {
  /** Voters; by default the seed says. */
  readonly servers?: number | undefined;
  readonly world?: Omit<WorldOptions, "servers" | "observers" | "tickTimeMs">;
}

/**
 * One run of clients and faults from a seed, with every check.
 *
 * @throws {SimulationError} for whatever is found wrong.
 */
export async function runSeed(seed: number, options: SeedOptions = {}): Promise<SeedResult> {
  const shape = new Random(seed).fork("shape");
  const voters = options.servers ?? (shape.chance(0.75) ? 3 : 5);
  const observers = voters > 1 && shape.chance(0.2) ? 1 : 0;
  const joining = shape.fork("members");
  const isReconfigurable = voters > 1 && joining.chance(RECONFIG_SHARE);
  const joiners = isReconfigurable ? joining.below(2) : 0;
  const coverage = new Map<string, number>();
  const count = (what: string, times = 1): void => {
    if (times > 0) coverage.set(what, (coverage.get(what) ?? 0) + times);
  };
  count("observer", observers);
  const founders = Array.from({ length: voters + observers }, (_, index) => {
    return memberLine(index + 1, index < voters ? "participant" : "observer");
  });
  let acknowledged = 0;
  let counts = false;
  const [report] = await simulate(
    {
      ...options.world,
      options: {
        snapCount: shape.chance(0.5) ? 20 : 200,
        skipAcl: isReconfigurable, // Who may change members is no matter of these runs.
        ...options.world?.options,
      },
      ensemble: {
        commitLogCount: shape.pick([500, 10]),
        snapshotSizeFactor: shape.pick([0.33, -1]),
        reconfigEnabled: isReconfigurable,
        standaloneEnabled: joining.chance(0.5),
        ...options.world?.ensemble,
      },
      servers: voters + observers + joiners,
      observers,
      joiners,
      tickTimeMs: TICK_MS,
      seed,
      limitMs: LIMIT_MS,
    },
    async (world) => {
      const run = new SeedRun(world, { shape, count, founders, isReconfigurable });
      await run.play();
      acknowledged = run.acknowledged;
      counts = run.counts;
    },
  );
  return { report: report as SimulationReport, counts, acknowledged, coverage };
}

interface SeedParts {
  readonly shape: Random;
  readonly count: (what: string, times?: number) => void;
  /** Lines of the first members. */
  readonly founders: readonly string[];
  readonly isReconfigurable: boolean;
}

class SeedRun {
  readonly #world: World;
  readonly #shape: Random;
  readonly #count: (what: string, times?: number) => void;
  readonly #history = new History();
  readonly #workload: Workload;
  readonly #nemesis: Nemesis;
  readonly #held = new Set<number>();
  readonly #members: MembersInForce;
  readonly #founders: readonly string[];
  #reachedEnd = false;

  constructor(world: World, { shape, count, founders, isReconfigurable }: SeedParts) {
    this.#world = world;
    this.#shape = shape;
    this.#count = count;
    this.#workload = new Workload(world, this.#history, {
      clients: 4 + shape.below(3),
      pauseMs: shape.between(300, 1_500),
      timeoutMs: shape.between(1_500, 4_000),
      moved: () => count("session moved"),
    });
    const random = world.random.fork("nemesis");
    const workload = this.#workload;
    const held = this.#held;
    this.#founders = founders;
    const members = new MembersInForce(founders.join("\n"), {
      durableAt: (id) => world.server(id).medium.lastZxid,
      violated: (problem) => world.violated(problem),
    });
    this.#members = members;
    const scene: FaultScene = {
      ...{ world, workload, random, held, count, members },
      get voters() {
        return members.now.voters.map((id) => world.server(id));
      },
    };
    this.#nemesis = new Nemesis(scene, isReconfigurable);
    this.#listen();
  }

  get acknowledged(): number {
    return this.#history.acknowledged;
  }

  get counts(): boolean {
    return this.#isEnough() && this.#reachedEnd;
  }

  async play(): Promise<void> {
    const world = this.#world;
    this.#shapeMachines();
    await this.#workload.start();
    const supervisor = new Supervisor(world, this.#held);
    void supervisor.run();
    const disturbing = this.#nemesis.run();
    const [minMs, maxMs] = FAULTS_MS;
    const fromMs = world.nowMs;
    const isOver = (): boolean => {
      const tookMs = world.nowMs - fromMs;
      return tookMs > maxMs || (tookMs > minMs && this.#isEnough());
    };
    while (!isOver()) {
      await world.sleep(500);
      const isLate = world.nowMs - fromMs > maxMs / 2;
      if (isLate && world.ledger.leaderChanges === 0) world.leader?.crash("killed");
    }
    this.#nemesis.stop();
    await disturbing;
    await this.#recover();
    supervisor.stop();
    await this.#workload.stop();
    await this.#check();
  }

  #isEnough(): boolean {
    const { servers, ledger } = this.#world;
    const hasChanged = servers.length === 1 || ledger.leaderChanges > 0;
    return this.acknowledged >= WRITES_MIN && hasChanged && this.#nemesis.done.size >= 2;
  }

  #shapeMachines(): void {
    const { network, servers } = this.#world;
    const shape = this.#shape;
    const minMs = shape.between(0.1, 5);
    const delays = { minMs, maxMs: minMs * shape.between(1.2, 6), slowPart: shape.pick([0, 0.01]) };
    network.setDelays(delays);
    for (const { habits } of servers) {
      const syncMs = shape.between(0.3, 8);
      habits.syncMs = [syncMs, syncMs * shape.between(1, 5)];
    }
  }

  /** Ends every fault; then all must serve again in time. */
  async #recover(): Promise<void> {
    const world = this.#world;
    world.heal();
    for (const { machine, habits } of world.servers) {
      machine.disarm();
      machine.resume();
      machine.drift(1);
      habits.failsNext = undefined;
      habits.stallMs = 0;
    }
    for (const { machine } of this.#workload.visitors) machine.resume();
    const withinMs = LIVENESS_TICKS * TICK_MS;
    const isAllServing = (): boolean => world.servers.every(({ id }) => world.isServing(id));
    await world.until("after the faults all servers serve", isAllServing, withinMs);
    for (const { id } of world.servers) {
      const zk = await world.connect({ servers: [id] });
      const writes = async (): Promise<boolean> => {
        return zk.setData(LAST, String(id)).then(
          () => true,
          () => false,
        );
      };
      await world.until(`writes pass server ${id}`, writes, withinMs);
      await zk.close();
    }
    this.#reachedEnd = true;
  }

  async #check(): Promise<void> {
    const world = this.#world;
    // Nothing is on its way any more once every server has applied the last transaction.
    const { ledger } = world;
    const isEven = (): boolean =>
      world.servers.every(({ id }) => ledger.positionOf(id) === ledger.last);
    await world.until("all servers apply the last transaction", isEven);
    for (const { id } of world.servers) {
      const version = await readEverything(world, id, this.#history);
      if (version >= this.#members.version) continue;
      throw new Error(`server ${id} shows members that are not in force any more`);
    }
    let committed = new Committed(ledger.entries);
    await world.until("sessions without a client expire", () => {
      if (committed.last !== ledger.last) committed = new Committed(ledger.entries);
      const living = new Set(this.#workload.visitors.map(({ session }) => session));
      return orphansOf(committed, living).length === 0;
    });
    const { calls } = this.#history;
    const findings = [
      ...checkHistory(calls, committed, REGISTERS),
      // A server alone has no members to show.
      ...checkMembers(calls, committed, world.servers.length > 1 ? this.#founders : []),
    ];
    if (findings.length > 0) {
      throw new Error(`${findings.length} findings: ${findings.slice(0, 5).join("; ")}`);
    }
    this.#count("reconfig", this.#members.changes);
    this.#count("lost fsync", world.lostChanges);
    this.#count("leader change", ledger.leaderChanges);
  }

  #listen(): void {
    const { ledger, scheduler } = this.#world;
    ledger.committed.add((entry) => {
      const isChange = this.#members.take(entry);
      if (isChange) scheduler.note(`members: ${this.#members.now.text.replaceAll("\n", " ")}`);
    });
    for (const { machine } of this.#world.servers) {
      machine.died.add(() => {
        if (machine.diedAt !== undefined) this.#count(`crash at ${machine.diedAt}`);
      });
    }
    this.#world.heard.add(({ message, fields }) => {
      if (message === "learner synchronised") this.#count(`sync ${String(fields["mode"])}`);
      if (message === "session expired") this.#count("session expired");
      if (message === "checkpoint written") this.#count("checkpoint");
    });
  }
}
