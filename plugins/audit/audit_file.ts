import { closeSync, fstatSync, openSync, renameSync, writeSync } from "node:fs";
import type { Clock } from "../../core/contracts/clock.ts";
import type { Logger } from "../../core/contracts/logger.ts";
import { StorageError } from "../../core/contracts/storage.ts";
import { RareWarning } from "../../core/server/rare_warning.ts";
import type { AuditResult } from "./audit_log.ts";

/** Size at which a file is put aside and the next one begun, as Apache's configuration has it. */
const FILE_BYTES_MAX = 10 * 1024 * 1024;
/** Files put aside: `<file>.1`, the latest, to `<file>.10`. */
const OLD_FILES_MAX = 10;
/** Bytes that may gather before they are written in the middle of a turn. */
const GATHERED_BYTES_MAX = 64 * 1024;

/**
 * The audit log's own file, each line as Apache's logging writes it: local time, level, the name of
 * Apache's class, the event. What gathers in one turn of the event loop is written at its end. A
 * file that cannot be written is warned of, and its lines are lost: the server goes on.
 */
export class AuditFile {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #warning: RareWarning;
  #descriptor: number | undefined;
  #sizeBytes = 0;
  #gathered = "";
  #isScheduled = false;
  #second = { sinceMs: -1, text: "" };

  constructor(path: string, clock: Clock, logger: Logger) {
    this.#path = path;
    this.#clock = clock;
    this.#warning = new RareWarning(logger, clock);
  }

  /** Opens it; what is there stays. @throws {StorageError} `io` when that is not possible. */
  start(): void {
    try {
      this.#open();
    } catch (cause) {
      throw new StorageError("io", `the audit log ${this.#path} cannot be opened`, { cause });
    }
  }

  #open(): void {
    this.#descriptor = openSync(this.#path, "a", 0o640);
    this.#sizeBytes = fstatSync(this.#descriptor).size;
  }

  write(line: string, result: AuditResult): void {
    const level = result === "failure" ? "ERROR" : "INFO";
    this.#gathered += `${this.#time()} ${level} audit.Slf4jAuditLogger: ${line}\n`;
    if (this.#gathered.length > GATHERED_BYTES_MAX) return this.flush();
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#clock.defer(() => {
      this.#isScheduled = false;
      this.flush();
    });
  }

  flush(): void {
    const bytes = new TextEncoder().encode(this.#gathered);
    this.#gathered = "";
    if (bytes.length === 0) return;
    try {
      if (this.#sizeBytes + bytes.length > FILE_BYTES_MAX && this.#sizeBytes > 0) this.#roll();
      if (this.#descriptor === undefined) this.#open();
      this.#sizeBytes += bytes.length;
      for (let at = 0; at < bytes.length; ) {
        at += writeSync(this.#descriptor as number, bytes, at);
      }
    } catch (error) {
      this.#warning.say("audit lines are lost: make room or correct the rights of the file", {
        file: this.#path,
        error,
      });
    }
  }

  close(): void {
    this.flush();
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  #roll(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
    for (let i = OLD_FILES_MAX - 1; i >= 0; i--) {
      const from = i === 0 ? this.#path : `${this.#path}.${i}`;
      try {
        renameSync(from, `${this.#path}.${i + 1}`);
      } catch (cause) {
        if ((cause as { readonly code?: unknown }).code !== "ENOENT") throw cause;
      }
    }
    this.#sizeBytes = 0;
  }

  /** `2026-11-22 05:58:12,756`, in the local time zone. */
  #time(): string {
    const now = this.#clock.wallTime();
    const sinceMs = now - (now % 1000);
    if (sinceMs !== this.#second.sinceMs) this.#second = { sinceMs, text: secondText(sinceMs) };
    return `${this.#second.text},${String(now % 1000).padStart(3, "0")}`;
  }
}

const TIME = new Intl.DateTimeFormat("en-US", {
  year: "numeric",
  month: "2-digit",
  day: "2-digit",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});

function secondText(wallMs: number): string {
  const parts = new Map(TIME.formatToParts(wallMs).map(({ type, value }) => [type, value]));
  const part = (type: Intl.DateTimeFormatPartTypes): string => parts.get(type) ?? "";
  const date = `${part("year")}-${part("month")}-${part("day")}`;
  return `${date} ${part("hour")}:${part("minute")}:${part("second")}`;
}
