import { type Storage, StorageError } from "../core/contracts/storage.ts";
import { formatZxid } from "../core/wire/zxid.ts";
import { type CopyProgress, copyStorage, digestText } from "./copy_storage.ts";
import { EXIT_CODES } from "./exit_codes.ts";

/** Time between two changes of the progress line, ms. */
const PROGRESS_MS = 100;

/** A copy to be made; `missing` says why there is nothing to copy. */
export interface CopyOrder {
  readonly missing: string | undefined;
  readonly source: Storage;
  readonly target: Storage;
}

/**
 * Copies one storage to another, with a progress line on standard error and the outcome on standard
 * output.
 *
 * @returns one of `EXIT_CODES`.
 */
export async function runCopy({ missing, source, target }: CopyOrder): Promise<number> {
  if (missing !== undefined) {
    console.error(`zookit: ${missing}`);
    return EXIT_CODES.usage;
  }
  const began = performance.now();
  const line = new ProgressLine();
  try {
    const { tree, txnCount } = await copyStorage(source, target, (progress) => line.show(progress));
    line.end();
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    const nodes = `${tree.nodeCount} znodes, ${tree.sessions.size} sessions`;
    console.log(`copied ${nodes} and ${txnCount} transactions of log in ${seconds} s`);
    console.log(`both have tree digest ${digestText(tree)} at zxid ${formatZxid(tree.lastZxid)}`);
    return EXIT_CODES.ok;
  } catch (error) {
    line.end();
    if (!(error instanceof StorageError)) throw error;
    console.error(`zookit: ${error.message}`);
    return EXIT_CODES.storage;
  } finally {
    await source.close();
    await target.close();
  }
}

/** One line of a terminal, written over; lines of their own for each step where there is none. */
export class ProgressLine {
  #shownAt = -Infinity;
  #step = "";

  show({ step, count }: CopyProgress): void {
    const now = performance.now();
    const isNew = step !== this.#step;
    if (!isNew && (!process.stderr.isTTY || now < this.#shownAt + PROGRESS_MS)) return;
    this.#shownAt = now;
    this.#step = step;
    const counted = `${count} ${step === "tree" ? "znodes" : "transactions"} copied`;
    const text = step === "check" ? "comparing the trees" : counted;
    process.stderr.write(process.stderr.isTTY ? `\r\u001b[K${text}` : `${text}\n`);
  }

  end(): void {
    if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
  }
}
