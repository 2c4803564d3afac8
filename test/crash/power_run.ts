import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ZkError } from "../../client/mod.ts";
import { PowerDisk } from "./power_disk.ts";
import { ServerProcess, type StorageKind } from "./server_process.ts";
import { Visitors } from "./visitors.ts";
import { openClient, reconnect, Writer } from "./writer.ts";

const SOURCE = fileURLToPath(new URL("power_loss.c", import.meta.url));
const WRITERS = 3;
const KILL_DELAY_MS_MAX = 20;
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

/** A server whose power goes again and again. */
export class PowerRun {
  readonly totals: PowerTotals = { acknowledged: 0, syncs: 0, pending: 0, kept: 0 };
  readonly #server: ServerProcess;
  readonly #journal: string;
  readonly #random: () => number;

  constructor(
    at: { readonly folder: string; readonly library: string; readonly storage: StorageKind },
    random: () => number,
    fault: string,
  ) {
    this.#server = new ServerProcess(at.folder, at.storage);
    this.#journal = join(at.folder, "journal");
    this.#random = random;
    this.#server.env = {
      LD_PRELOAD: at.library,
      POWER_ROOT: this.#server.disk,
      POWER_JOURNAL: this.#journal,
      ...(fault === "" ? {} : { POWER_FAULT: fault }),
    };
  }

  /**
   * Writes, cuts the power, starts on what is left and compares, again and again.
   *
   * @throws {Error} when something acknowledged is gone, something half done is there, or the
   * server does not start.
   */
  async rounds(count: number, acknowledgedMin: number): Promise<void> {
    const random = this.#random;
    let disk = new PowerDisk(this.#server.disk);
    await this.#server.start(this.#snapCountOf(0));
    const hosts = `127.0.0.1:${this.#server.port}`;
    const auditor = await openClient(hosts);
    await auditor.create("/visits");
    await auditor.create("/bulk");
    for (let node = 0; node < BULK_NODES; node++) await auditor.create(`/bulk/${node}`);
    const visitors = new Visitors(hosts, "/visits", random);
    const names = Array.from({ length: WRITERS }, (_, index) => `/w${index}`);
    const writers = await Promise.all(names.map((name) => Writer.open(hosts, name, random)));
    const ids = writers.map(({ sessionId }) => sessionId);
    for (let round = 0; round < count; round++) {
      await this.#writeAndKill(writers, visitors, acknowledgedMin);
      this.#cut(disk);
      disk = new PowerDisk(this.#server.disk);
      // Every fourth time the power goes again while the server recovers.
      if (round % 4 === 3) {
        this.#server.begin(this.#snapCountOf(round + 1));
        const delayMs = this.#server.startMs * (0.5 + random() * 0.5);
        await new Promise((resolve) => setTimeout(resolve, delayMs));
        await this.#server.kill();
        this.#cut(disk);
        disk = new PowerDisk(this.#server.disk);
      }
      await this.#server.start(this.#snapCountOf(round + 1));
      await reconnect(auditor);
      const wrong = await visitors.verify(auditor);
      for (const [index, writer] of writers.entries()) {
        await writer.reconnect();
        if (writer.sessionId !== ids[index]) wrong.push(`${writer.folder}: another session`);
        wrong.push(...(await writer.verify()));
      }
      if (wrong.length > 0) throw new Error(`round ${round}:\n${wrong.join("\n")}`);
    }
  }

  async end(): Promise<void> {
    await this.#server.kill();
  }

  /** Two rounds of three write checkpoints all the time. */
  #snapCountOf(round: number): number {
    return round % 3 === 0 ? 100_000 : 60;
  }

  #cut(disk: PowerDisk): void {
    disk.replay(this.#journal);
    const strangers = disk.strangers();
    if (strangers.length > 0) throw new Error(`passed by the library: ${strangers.join("; ")}`);
    const { syncs, pending, kept } = disk.cut(this.#random);
    this.totals.syncs += syncs;
    this.totals.pending += pending;
    this.totals.kept += kept;
    rmSync(this.#journal, { force: true });
  }

  async #writeAndKill(
    writers: readonly Writer[],
    visitors: Visitors,
    acknowledgedMin: number,
  ): Promise<void> {
    const target = acknowledgedMin * (1 + this.#random());
    let acknowledged = 0;
    let killed: Promise<void> | undefined;
    const count = (): void => {
      acknowledged += 1;
      if (acknowledged < target) return;
      killed ??= this.#killSoon(visitors);
    };
    const visiting = visitors.run();
    const bulk = this.#writeBulk();
    await Promise.all(writers.map((writer) => writer.run(count)));
    if (killed === undefined) throw new Error(`the server is gone:\n${this.#server.errors}`);
    await Promise.all([killed, visiting, bulk]);
    await visitors.leave();
    this.totals.acknowledged += acknowledged;
  }

  /** Not right behind an acknowledgement, when all is synced, but amid what comes next. */
  async #killSoon(visitors: Visitors): Promise<void> {
    const delayMs = this.#random() * KILL_DELAY_MS_MAX;
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    visitors.serverGoesDown();
    await this.#server.kill();
  }

  /** Large values, so that write-ahead logs come round and log files are many. */
  async #writeBulk(): Promise<void> {
    const client = await openClient(`127.0.0.1:${this.#server.port}`);
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
