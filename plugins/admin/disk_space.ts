import { statfs } from "node:fs/promises";
import { type Cancel, CLOCK, type Clock } from "../../core/contracts/clock.ts";
import { LOGGER, type Logger } from "../../core/contracts/logger.ts";
import { METRICS, type Metrics } from "../../core/contracts/metrics.ts";
import { SERVICE, type Service } from "../../core/contracts/service.ts";
import type { Plugin } from "../../core/kernel/plugin.ts";

/** What is watched. */
export interface DiskSpaceOptions {
  /** Folder of the data. */
  readonly folder: string;
  /** Free bytes below which a warning is due. Default 1 GiB. */
  readonly freeBytesMin?: number;
  /** Tells the free bytes of a folder's disk; the system's answer when it is not given. */
  readonly measure?: (folder: string) => Promise<number>;
}

/** Time between two looks, ms. */
const PERIOD_MS = 60_000;
const FREE_BYTES_MIN = 1024 * 1024 * 1024;

/**
 * Looks every minute how much room the data has to grow, shows it as the figure
 * `data_dir_free_bytes`, and warns each time that it is too little: a server whose disk is full
 * stops.
 */
export class DiskSpaceWatch implements Service {
  readonly name = "disk-space";
  readonly #options: Required<DiskSpaceOptions>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #freeBytes = -1;
  #period: Cancel | undefined;
  #looking: Promise<void> = Promise.resolve();

  constructor(clock: Clock, logger: Logger, metrics: Metrics, options: DiskSpaceOptions) {
    this.#clock = clock;
    this.#logger = logger;
    this.#options = { freeBytesMin: FREE_BYTES_MIN, measure: measureFree, ...options };
    const help = "Free bytes on the disk of the data; -1 when they cannot be told";
    metrics.gauge("data_dir_free_bytes", help, () => this.#freeBytes);
  }

  async start(): Promise<void> {
    await this.#look();
    this.#period = this.#clock.every(PERIOD_MS, () => {
      this.#looking = this.#look();
    });
  }

  async stop(): Promise<void> {
    this.#period?.();
    await this.#looking;
  }

  async #look(): Promise<void> {
    const { folder, freeBytesMin, measure } = this.#options;
    try {
      this.#freeBytes = await measure(folder);
    } catch (error) {
      this.#freeBytes = -1;
      this.#logger.debug("free space cannot be told", { folder, error });
      return;
    }
    if (this.#freeBytes >= freeBytesMin) return;
    const message =
      "little space is left for the data, and a full disk stops the server: make room";
    this.#logger.warn(message, { folder, freeBytes: this.#freeBytes, freeBytesMin });
  }
}

/** Free bytes of the disk that a folder is on, for who is not the system's administrator. */
export async function measureFree(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/** Warns when the disk of the data fills up. */
export function diskSpaceWatch(options: DiskSpaceOptions): Plugin {
  return {
    name: "disk-space-watch",
    provides: [SERVICE],
    requires: [CLOCK, LOGGER, METRICS],
    register: (container) => {
      container.provide(SERVICE, () => {
        const [clock, metrics] = [container.get(CLOCK), container.get(METRICS)];
        return new DiskSpaceWatch(clock, container.get(LOGGER).child("disk"), metrics, options);
      });
    },
  };
}
