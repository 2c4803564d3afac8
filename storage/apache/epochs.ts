import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { StorageError } from "../../core/contracts/storage.ts";
import { EPOCH_MAX, epochOf, type Zxid } from "../../core/wire/zxid.ts";
import { replaceFile } from "./layout.ts";

/** The two promises of a server (PP 1). A file that is missing stands for the last zxid's epoch. */
export interface Epochs {
  readonly accepted: number;
  readonly current: number;
}

/** Names of the epoch files. */
export type EpochFile = "acceptedEpoch" | "currentEpoch";

/**
 * Reads both epochs and checks them against the log, as Apache does at its start. Where Apache
 * refuses a log that ends above the current epoch, this raises it if that epoch was promised: a
 * server that synchronises has the transactions on disk before it may claim the epoch.
 *
 * @throws {StorageError} `damaged` when they contradict the log or each other.
 */
export async function readEpochs(folder: string, lastZxid: Zxid): Promise<Epochs> {
  const epoch = epochOf(lastZxid);
  let current = (await readEpoch(folder, "currentEpoch")) ?? epoch;
  const promised = await readEpoch(folder, "acceptedEpoch");
  if (current < epoch) {
    // A crash between writing the file and its renaming.
    const interrupted = await readEpoch(folder, "currentEpoch.tmp").catch(() => undefined);
    const known = Math.max(interrupted ?? -1, promised ?? -1);
    if (known < epoch) {
      const last = `the last transaction is of epoch ${epoch}`;
      throw new StorageError("damaged", `currentEpoch is ${current}, but ${last}`);
    }
    current = Math.max(interrupted ?? epoch, epoch);
    await writeEpoch(folder, "currentEpoch", current);
  }
  const accepted = promised ?? Math.max(epoch, current);
  if (accepted < current) {
    throw new StorageError("damaged", `acceptedEpoch ${accepted} is below currentEpoch ${current}`);
  }
  return { accepted, current };
}

/** Makes an epoch durable: decimal digits, no line end. */
export function writeEpoch(folder: string, name: EpochFile, epoch: number): Promise<void> {
  return replaceFile(folder, name, String(epoch));
}

async function readEpoch(folder: string, name: string): Promise<number | undefined> {
  const text = await readIfThere(join(folder, name));
  if (text === undefined) return undefined;
  const line = (text.split("\n")[0] ?? "").trim();
  const epoch = Number(line);
  if (/^\d+$/.test(line) && epoch < EPOCH_MAX) return epoch;
  throw new StorageError("damaged", `${name} holds "${line}", which is not an epoch`);
}

/**
 * The server's id, from the file `myid` of its `dataDir`; undefined when there is none.
 *
 * @throws {StorageError} `damaged` when its first line is not a decimal number.
 */
export async function readServerId(dataDir: string): Promise<number | undefined> {
  const text = await readIfThere(join(dataDir, "myid"));
  if (text === undefined) return undefined;
  const line = (text.split("\n")[0] ?? "").trim();
  const id = Number(line);
  if (/^\d+$/.test(line) && Number.isSafeInteger(id)) return id;
  throw new StorageError("damaged", `myid holds "${line}", which is not a number`);
}

/** Writes the file `myid`, in one step. */
export function writeServerId(dataDir: string, id: number): Promise<void> {
  return replaceFile(dataDir, "myid", `${id}\n`);
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
