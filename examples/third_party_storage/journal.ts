import { type FileHandle, open, readFile, rename, writeFile } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { type Acl, SessionId, type SnapshotSlice, StorageError, type Zxid } from "zookit";

/** A batch as JSON has it: bytes in Base64. */
export interface BatchText {
  readonly firstZxid: Zxid;
  readonly lastZxid: Zxid;
  readonly count: number;
  readonly bytes: string;
}

/** A slice of a snapshot as JSON has it. */
export interface SliceText {
  readonly sessions?: readonly { readonly id: string; readonly timeoutMs: number }[];
  readonly acls: readonly { readonly id: number; readonly acls: readonly Acl[] }[];
  readonly deleted: readonly string[];
  readonly nodeCount: number;
  readonly nodes: string;
}

/** One thing that was done, in the order of the file. */
export type Entry =
  | { readonly kind: "append"; readonly batch: BatchText }
  | { readonly kind: "truncate"; readonly through: Zxid }
  | { readonly kind: "trim"; readonly before: Zxid }
  | { readonly kind: "acceptedEpoch" | "currentEpoch"; readonly epoch: number }
  /** A part of a checkpoint, in force at once. */
  | { readonly kind: "slice"; readonly slice: SliceText }
  | { readonly kind: "checkpoint"; readonly zxid: Zxid }
  /** A part of a snapshot, in force with the `install` that follows. */
  | { readonly kind: "staged"; readonly slice: SliceText }
  /** Takes the last `sliceCount` staged slices for the whole tree, and drops the log. */
  | {
      readonly kind: "install";
      readonly zxid: Zxid;
      readonly sliceCount: number;
      readonly currentEpoch: number;
    };

/** A file of lines, each a checksum and an {@link Entry}, synced one by one. */
export class Journal {
  readonly #path: string;
  #file: FileHandle | undefined;
  /** The write under way; the next one waits for it. */
  #last: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  /**
   * Opens the file and reads what is in it; a last line that was cut short is dropped.
   *
   * @throws {StorageError} `damaged` for any other line that is not as it was written; `io`.
   */
  async open(): Promise<readonly Entry[]> {
    const { entries, bad } = await this.#read();
    if (bad.length > 0) throw new StorageError("damaged", bad.join("; "));
    this.#file = await open(this.#path, "a").catch(fail);
    return entries;
  }

  /** Resolves once the entry survives a crash. */
  append(entry: Entry): Promise<void> {
    const line = lineOf(entry);
    this.#last = this.#last.then(async () => {
      const file = this.#file;
      if (file === undefined) throw new StorageError("closed", "the storage is not open");
      await file.appendFile(line).catch(fail);
      await file.datasync().catch(fail);
    });
    return this.#last;
  }

  /** Writes the file anew; a crash on the way leaves the former one. */
  async replace(entries: readonly Entry[]): Promise<void> {
    const fresh = `${this.#path}.new`;
    await this.#file?.close();
    try {
      await writeFile(fresh, entries.map(lineOf), { flush: true });
      await rename(fresh, this.#path);
      this.#file = await open(this.#path, "a");
    } catch (error) {
      fail(error);
    }
  }

  /** One line of text for each line of the file that is not as it was written. */
  async damage(): Promise<readonly string[]> {
    return (await this.#read()).bad;
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await this.#last.catch(() => {}); // Whoever asked for that write has been told.
    this.#last = Promise.resolve();
    await file?.close();
  }

  async #read(): Promise<{ readonly entries: Entry[]; readonly bad: string[] }> {
    const text = await readFile(this.#path, "utf8").catch((error) =>
      (error as { readonly code?: string }).code === "ENOENT" ? "" : fail(error),
    );
    const entries: Entry[] = [];
    const bad: string[] = [];
    // Behind the last line end there is nothing, or a line that a crash has cut.
    for (const [index, line] of text.split("\n").slice(0, -1).entries()) {
      const json = line.slice(9);
      if (line.slice(0, 8) === checksum(json)) entries.push(JSON.parse(json));
      else bad.push(`${this.#path}: line ${index + 1} is damaged`);
    }
    return { entries, bad };
  }
}

/** A slice for the journal. */
export function sliceText({ sessions, nodes, ...rest }: SnapshotSlice): SliceText {
  const ids = sessions?.map(({ id, timeoutMs }) => ({ id: String(id.toBigInt()), timeoutMs }));
  return { ...rest, nodes: base64(nodes), ...(ids === undefined ? {} : { sessions: ids }) };
}

/** A slice from the journal. */
export function sliceFrom({ sessions, nodes, ...rest }: SliceText): SnapshotSlice {
  return {
    ...rest,
    nodes: Buffer.from(nodes, "base64"),
    sessions: sessions?.map(({ id, timeoutMs }) => ({
      id: SessionId.fromBigInt(BigInt(id)),
      timeoutMs,
    })),
  };
}

/** Bytes as JSON has them. */
export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
}

function lineOf(entry: Entry): string {
  const json = JSON.stringify(entry);
  return `${checksum(json)} ${json}\n`;
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, "0");
}

function fail(cause: unknown): never {
  const { code, message } = cause as { readonly code?: string; readonly message: string };
  throw new StorageError(code === "ENOSPC" ? "full" : "io", message, { cause });
}
