import type { Plugin } from "../core/kernel/plugin.ts";
import { KernelServer } from "../core/kernel/server.ts";
import type { ServerOptions } from "../core/server/options.ts";
import type { DiskHabits } from "./disk.ts";
import type { Ledger } from "./ledger.ts";
import type { Ending, Machine } from "./machine.ts";
import { Medium } from "./medium.ts";
import type { Network } from "./network.ts";

/** What the servers of one world have in common. */
export interface ServerParts {
  readonly network: Network;
  readonly ledger: Ledger;
  readonly options: Partial<ServerOptions>;
  /** The plugins of one life of a server. */
  readonly compose: (server: SimulatedServer) => Plugin[];
}

/** A server of the simulated ensemble: a machine, its disk, and the process that runs now. */
export class SimulatedServer {
  /** From 1. */
  readonly id: number;
  readonly machine: Machine;
  readonly habits: DiskHabits;
  readonly medium: Medium = new Medium();
  readonly #parts: ServerParts;
  #kernel: KernelServer | undefined;
  #failure: unknown;
  #starts = 0;

  constructor(id: number, machine: Machine, habits: DiskHabits, parts: ServerParts) {
    this.id = id;
    this.machine = machine;
    this.habits = habits;
    this.#parts = parts;
    machine.died.add(() => {
      this.#kernel = undefined;
      parts.ledger.serves(id, false);
    });
  }

  /** The machine's name, under which clients and peers reach it. */
  get name(): string {
    return this.machine.name;
  }

  /** Whether its process lives, be it paused. */
  get isRunning(): boolean {
    return this.#kernel !== undefined;
  }

  /** Why the process ended by itself, until it is started again. */
  get failure(): unknown {
    return this.#failure;
  }

  /** The server that runs in the process. */
  get kernel(): KernelServer | undefined {
    return this.#kernel;
  }

  /**
   * Starts a process on what is on the disk. Resolves when it listens; never if it dies before.
   *
   * @throws what the server's start throws.
   */
  async start(): Promise<void> {
    if (this.isRunning) return;
    this.#starts += 1;
    if (this.#starts > 1) this.machine.start();
    this.#parts.network.powerOn(this.name);
    this.#parts.ledger.started(this.id);
    this.#failure = undefined;
    const kernel = new KernelServer({
      ...this.#parts.options,
      serverId: this.id,
      plugins: this.#parts.compose(this),
    });
    this.#kernel = kernel;
    kernel.state.subscribe({ error: (error) => this.#fail(kernel, error) });
    try {
      await kernel.start();
    } catch (error) {
      this.#fail(kernel, error);
      throw error;
    }
  }

  /** Stops as an operator does, and ends the process. */
  async stop(): Promise<void> {
    const kernel = this.#kernel;
    if (kernel === undefined) return;
    await kernel.stop();
    this.machine.crash("killed");
  }

  /** Ends the process at once: `killed` leaves its system running, `power-lost` does not. */
  crash(ending: Ending = "killed"): void {
    this.machine.crash(ending);
  }

  /** Stops the process as SIGSTOP does, until {@link resume}. */
  pause(): void {
    this.machine.pause();
  }

  resume(): void {
    this.machine.resume();
  }

  /** A server that cannot go on ends its process, as the command does. */
  #fail(kernel: KernelServer, error: unknown): void {
    if (this.#kernel !== kernel) return;
    this.#failure = error;
    this.machine.crash("killed");
  }
}
