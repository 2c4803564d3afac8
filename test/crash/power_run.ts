import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ZkError, type ZooKeeperClient } from "../../client/mod.ts";
import { fourLetters } from "../interop/server.ts";
import { PowerDisk } from "./power_disk.ts";
import { ServerProcess, type StorageKind } from "./server_process.ts";
import { Visitors } from "./visitors.ts";
import { openClient, reconnect, Writer } from "./writer.ts";

const SOURCE = fileURLToPath(new URL("power_loss.c", import.meta.url));
const WRITERS = 3;
const KILL_DELAY_MS_MAX = 20;
/** A server that goes on for so long is not about to end. */
const WRITING_MS_MAX = 60_000;
const BULK_NODES = 64;
const BULK_BYTES = 60_000;
const BULK_IN_FLIGHT = 4;

/** Builds the library that is preloaded. @returns its path. */
export function buildLibrary(folder: string): string {
  const library = join(folder, "power_loss.so");
  const args = ["-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", library, SOURCE, "-lpthread"];
  const { status, error, stderr } = spawnSync("gcc", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`gcc is needed for this test: ${error ?? stderr}`);
  return library;
}

/** What happened in all rounds. */
export interface PowerTotals {
  acknowledged: number;
  syncs: number;
  pending: number;
  kept: number;
}

/** A server whose power goes, or whose disk fails, and those who write to it. */
export class PowerRun {
  readonly totals: PowerTotals = { acknowledged: 0, syncs: 0, pending: 0, kept: 0 };
  readonly server: ServerProcess;
  readonly #journal: string;
  readonly #random: () => number;
  readonly #env: Readonly<Record<string, string>>;
  readonly #keepsOrder: boolean;
  #disk: PowerDisk;
  #writers: Writer[] = [];
  #sessions: bigint[] = [];
  #visitors: Visitors | undefined;
  #auditor: ZooKeeperClient | undefined;

  constructor(
    at: { readonly folder: string; readonly library: string; readonly storage: StorageKind },
    random: () => number,
  ) {
    this.server = new ServerProcess(at.folder, at.storage);
    this.#disk = new PowerDisk(this.server.disk);
    this.#journal = join(at.folder, "journal");
    this.#random = random;
    this.#env = {
      LD_PRELOAD: at.library,
      POWER_ROOT: this.server.disk,
      POWER_JOURNAL: this.#journal,
    };
    // A record that survives behind a lost one is damage to a log in Apache's format.
    this.#keepsOrder = at.storage === "apache";
    this.setFault("");
  }

  /** From the next start on; empty for none. See `power_loss.c`. */
  setFault(fault: string): void {
    this.server.env = { ...this.#env, ...(fault === "" ? {} : { POWER_FAULT: fault }) };
  }

  /** The first start. */
  async begin(snapCount: number): Promise<void> {
    await this.server.start(snapCount);
    const hosts = `127.0.0.1:${this.server.port}`;
    const auditor = await openClient(hosts);
    this.#auditor = auditor;
    await auditor.create("/visits");
    await auditor.create("/bulk");
    for (let node = 0; node < BULK_NODES; node++) await auditor.create(`/bulk/${node}`);
    this.#visitors = new Visitors(hosts, "/visits", this.#random);
    const names = Array.from({ length: WRITERS }, (_, index) => `/w${index}`);
    this.#writers = await Promise.all(names.map((name) => Writer.open(hosts, name, this.#random)));
    this.#sessions = this.#writers.map(({ sessionId }) => sessionId);
  }

  /**
   * Writes, cuts the power, starts on what is left and compares, again and again.
   *
   * @throws {Error} when something acknowledged is gone, something half done is there, or the
   * server does not start.
   */
  async rounds(count: number, acknowledgedMin: number): Promise<void> {
    await this.begin(this.#snapCountOf(0));
    for (let round = 0; round < count; round++) {
      await this.writeAndKill(acknowledgedMin);
      this.cut();
      // Every fourth time the power goes again while the server recovers.
      if (round % 4 === 3) {
        this.server.begin(this.#snapCountOf(round + 1));
        const delayMs = this.server.startMs * (0.5 + this.#random() * 0.5);
        await new Promise((resolve) => setTimeout(resolve, delayMs));
        await this.server.kill();
        this.cut();
      }
      await this.recover(this.#snapCountOf(round + 1));
    }
  }

  /** Starts and compares with what was acknowledged. @throws {Error} when that is not there. */
  async recover(snapCount: number): Promise<void> {
    await this.server.start(snapCount);
    await reconnect(this.#auditor!).catch((cause: unknown) => this.#notLetIn(cause));
    const wrong = await this.#visitors!.verify(this.#auditor!);
    for (const [index, writer] of this.#writers.entries()) {
      await writer.reconnect();
      if (writer.sessionId !== this.#sessions[index]) {
        wrong.push(`${writer.folder}: another session`);
      }
      wrong.push(...(await writer.verify()));
    }
    if (wrong.length > 0)
      throw new Error(`after ${this.totals.acknowledged}:\n${wrong.join("\n")}`);
  }

  /** A server turns clients away who have seen more than it has; or it is only slow. */
  async #notLetIn(cause: unknown): Promise<never> {
    const seen = Math.max(...this.#writers.map(({ lastZxid }) => lastZxid));
    const zxid = /^Zxid: (\w+)$/m.exec(await fourLetters(this.server.port, "srvr"))?.[1];
    const text = `clients have seen 0x${seen.toString(16)}, the server is at ${zxid}`;
    throw new Error(`nobody is let in after ${this.totals.acknowledged}: ${text}`, { cause });
  }

  async end(): Promise<void> {
    await this.server.kill();
  }

  /** Two rounds of three write checkpoints all the time. */
  #snapCountOf(round: number): number {
    return round % 3 === 0 ? 100_000 : 60;
  }

  /** The files become what a power cut leaves; the server is dead. */
  cut(): void {
    this.#disk.replay(this.#journal);
    const strangers = this.#disk.strangers();
    if (strangers.length > 0) throw new Error(`passed by the library: ${strangers.join("; ")}`);
    const { syncs, pending, kept } = this.#disk.cut(this.#random, this.#keepsOrder);
    this.totals.syncs += syncs;
    this.totals.pending += pending;
    this.totals.kept += kept;
    rmSync(this.#journal, { force: true });
    this.#disk = new PowerDisk(this.server.disk);
  }

  async writeAndKill(acknowledgedMin: number): Promise<void> {
    const target = acknowledgedMin * (1 + this.#random());
    let killed: Promise<void> | undefined;
    const visiting = this.#visitors!.run();
    visiting.catch(() => {}); // Told below, where it is waited for.
    await this.writeUntilGone((acknowledged) => {
      if (acknowledged >= target) killed ??= this.#killSoon();
    });
    this.#visitors!.serverGoesDown();
    await visiting;
    await this.#visitors!.leave();
    if (killed === undefined) throw new Error(`the server is gone:\n${this.server.errors}`);
    await killed;
  }

  /** Everybody writes until the server ends. */
  async writeUntilGone(onAcknowledged: (acknowledged: number) => void = () => {}): Promise<void> {
    let acknowledged = 0;
    const count = (): void => onAcknowledged(++acknowledged);
    const limit = setTimeout(() => void this.server.kill(), WRITING_MS_MAX);
    const bulk = this.#writeBulk();
    await Promise.all(this.#writers.map((writer) => writer.run(count)));
    await Promise.all([bulk, this.server.ended()]);
    clearTimeout(limit);
    this.totals.acknowledged += acknowledged;
  }

  /** Not right behind an acknowledgement, when all is synced, but amid what comes next. */
  async #killSoon(): Promise<void> {
    const delayMs = this.#random() * KILL_DELAY_MS_MAX;
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    this.#visitors!.serverGoesDown();
    await this.server.kill();
  }

  /** Large values, so that write-ahead logs come round and log files are many. */
  async #writeBulk(): Promise<void> {
    const client = await openClient(`127.0.0.1:${this.server.port}`);
    const data = new Uint8Array(BULK_BYTES).fill(this.#random() * 256);
    const lanes = Array.from({ length: BULK_IN_FLIGHT }, async () => {
      for (;;) await client.setData(`/bulk/${Math.floor(this.#random() * BULK_NODES)}`, data);
    });
    const outcomes = await Promise.allSettled(lanes);
    await client.close();
    for (const outcome of outcomes) {
      if (outcome.status === "fulfilled") continue;
      const { reason } = outcome;
      if (!(reason instanceof ZkError) || reason.kind !== "ConnectionLoss") throw reason;
    }
  }
}
