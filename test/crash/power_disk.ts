import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, posix } from "node:path";

const HEAD_BYTES = 24;
const SECTOR_BYTES = 512;
const MADE = 1;
const EMPTIED = 2;
const FOLDER = 4;
/** Mapped into memory by SQLite, never synced, and made anew from the log after a crash. */
const MAPPED = /-shm$/;

/** One change of a file's bytes. */
type Change =
  | { readonly kind: "write"; readonly at: number; bytes: Uint8Array }
  | { readonly kind: "size"; readonly size: number };

/** The bytes of a file. */
class Content {
  #buffer: Buffer;
  #size: number;

  constructor(bytes: Uint8Array = Buffer.alloc(0)) {
    this.#buffer = Buffer.from(bytes);
    this.#size = bytes.length;
  }

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#size);
  }

  apply(change: Change): this {
    const end = change.kind === "size" ? change.size : change.at + change.bytes.length;
    if (end > this.#buffer.length) {
      this.#buffer = Buffer.concat([this.bytes, Buffer.alloc(end * 2 - this.#size)]);
    }
    if (change.kind === "write") {
      this.#buffer.set(change.bytes, change.at);
      this.#size = Math.max(this.#size, end);
    } else {
      this.#buffer.fill(0, end);
      this.#size = end;
    }
    return this;
  }

  with(changes: readonly Change[]): Buffer {
    const copy = new Content(this.bytes);
    for (const change of changes) copy.apply(change);
    return copy.bytes;
  }
}

/** A file or a folder. */
class DiskFile {
  readonly isFolder: boolean;
  /** What a power cut leaves for certain. */
  readonly synced: Content;
  /** Not synced, in order, each with the number of its record. */
  #changes: { readonly record: number; readonly change: Change }[] = [];

  constructor(isFolder: boolean, bytes?: Uint8Array) {
    this.isFolder = isFolder;
    this.synced = new Content(bytes);
  }

  get changes(): Change[] {
    return this.#changes.map(({ change }) => change);
  }

  add(record: number, change: Change): void {
    this.#changes.push({ record, change });
  }

  settle(before: number): void {
    while (this.#changes[0] !== undefined && this.#changes[0].record < before) {
      this.synced.apply(this.#changes.shift()!.change);
    }
  }
}

/** One change of names, which happens whole or not at all. */
interface Naming {
  readonly record: number;
  readonly folders: readonly string[];
  readonly names: readonly (readonly [path: string, file: DiskFile | undefined])[];
}

/** How a run ended on the disk, for the test to print. */
export interface PowerCut {
  readonly syncs: number;
  /** Changes of files and names that were not synced when the power went. */
  readonly pending: number;
  readonly kept: number;
}

/**
 * What the journal of `power_loss.c` says of a folder: the files as of the last syncs, and all that
 * came later. A name is durable once its folder was synced after it; bytes and size of a file, once
 * the file was.
 */
export class PowerDisk {
  readonly #root: string;
  /** Names as the running server saw them. */
  #names = new Map<string, DiskFile>();
  #syncedNames = new Map<string, DiskFile>();
  #namings: Naming[] = [];
  readonly #byInode = new Map<bigint, DiskFile>();
  readonly #syncs = new Map<bigint, number>();
  #syncCount = 0;
  #record = 0;
  /** The last record: a kill may have come before its call was done. */
  #last: { readonly file: DiskFile; readonly change: Change } | undefined;
  readonly #mapped = new Set<DiskFile>();

  /** @param root what is in it now is durable. */
  constructor(root: string) {
    this.#root = root;
    this.#names.set("", new DiskFile(true));
    for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      const isFolder = entry.isDirectory();
      if (!isFolder && !entry.isFile()) continue;
      const file = new DiskFile(isFolder, isFolder ? undefined : readFileSync(path));
      this.#names.set(posix.relative(root, path), file);
    }
    this.#syncedNames = new Map(this.#names);
  }

  /** Reads the journal of a server that is dead. */
  replay(journal: string): void {
    if (!existsSync(journal)) return;
    const bytes = readFileSync(journal);
    for (let at = 0; at + HEAD_BYTES <= bytes.length; ) {
      const size = bytes.readUInt32LE(at + 4);
      const end = at + HEAD_BYTES + size;
      if (end > bytes.length) break; // The kill fell into the writing of the journal.
      const inode = bytes.readBigUInt64LE(at + 8);
      const offset = bytes.readBigUInt64LE(at + 16);
      this.#record += 1;
      const type = String.fromCharCode(bytes[at]!);
      this.#take(type, bytes[at + 1]!, { inode, offset, data: bytes.subarray(at + 24, end) });
      at = end;
    }
  }

  #take(
    type: string,
    flag: number,
    { inode, offset, data }: { inode: bigint; offset: bigint; data: Buffer },
  ): void {
    const number = Number(offset);
    switch (type) {
      case "o":
        return this.#opened(data.toString(), flag, inode);
      case "w":
        return this.#changed(inode, { kind: "write", at: number, bytes: data });
      case "t":
        return this.#changed(inode, { kind: "size", size: number });
      case "x":
        if (this.#last?.change.kind !== "write") throw new Error("nothing was written");
        this.#last.change.bytes = this.#last.change.bytes.subarray(0, number);
        return;
      case "s":
        this.#syncs.set(offset, this.#record);
        return;
      case "d":
        return this.#synced(this.#fileOf(inode), this.#syncs.get(offset)!);
      case "r":
        return this.#renamed(data.toString().split("\0") as [string, string]);
      case "u":
        return this.#name([[data.toString(), undefined]]);
      case "m":
        return this.#name([[data.toString(), new DiskFile(true)]]);
      case "M":
        this.#mapped.add(this.#fileOf(inode));
        return;
      default:
        throw new Error(`the journal has a record of type ${type}`);
    }
  }

  #opened(path: string, flag: number, inode: bigint): void {
    let file = this.#names.get(path);
    if ((flag & MADE) !== 0 || file === undefined) {
      if ((flag & MADE) === 0) throw new Error(`${path} was opened, and nobody made it`);
      file = new DiskFile((flag & FOLDER) !== 0);
      this.#name([[path, file]]);
    }
    this.#byInode.set(inode, file);
    if ((flag & EMPTIED) !== 0) this.#changed(inode, { kind: "size", size: 0 });
  }

  #changed(inode: bigint, change: Change): void {
    const file = this.#fileOf(inode);
    file.add(this.#record, change);
    this.#last = { file, change };
  }

  #renamed([from, to]: readonly [string, string]): void {
    const file = this.#names.get(from);
    if (file?.isFolder === true) throw new Error("folders are not renamed");
    if (file === undefined) return; // The call failed.
    this.#name([
      [from, undefined],
      [to, file],
    ]);
  }

  #name(names: Naming["names"]): void {
    const folders = names.map(([path]) => (path.includes("/") ? posix.dirname(path) : ""));
    this.#namings.push({ record: this.#record, folders, names });
    this.#last = undefined;
    setNames(this.#names, names);
  }

  #synced(file: DiskFile, before: number): void {
    this.#syncCount += 1;
    if (!file.isFolder) return file.settle(before);
    const path = [...this.#names].find(([, other]) => other === file)?.[0];
    const isSettled = ({ record, folders }: Naming): boolean =>
      record < before && folders.includes(path ?? "?");
    for (const { names } of this.#namings.filter(isSettled)) setNames(this.#syncedNames, names);
    this.#namings = this.#namings.filter((naming) => !isSettled(naming));
  }

  #fileOf(inode: bigint): DiskFile {
    const file = this.#byInode.get(inode);
    if (file === undefined) throw new Error(`inode ${inode} was never opened`);
    return file;
  }

  /**
   * One line for each file of the folder that is not what the journal makes of it: a call that
   * passed by the library. What the last record may have left undone is no difference.
   */
  strangers(): string[] {
    const found: string[] = [];
    for (const [path, file] of this.#names) {
      if (file.isFolder || MAPPED.test(path)) continue;
      if (this.#mapped.has(file)) found.push(`${path} is mapped for writing`);
      const all = file.changes;
      const whole = file.synced.with(all);
      const name = join(this.#root, path);
      const real = existsSync(name) ? readFileSync(name) : undefined;
      if (real?.equals(whole) === true) continue;
      const isLast = this.#last?.file === file && all.at(-1) === this.#last.change;
      if (isLast && isBetween(real, file.synced.with(all.slice(0, -1)), whole)) continue;
      found.push(`${path}: ${real?.length ?? "no"} bytes, the journal makes ${whole.length}`);
    }
    return found;
  }

  /**
   * Makes the folder what a power cut would leave of it.
   *
   * @param keepsOrder whether the changes of each file reach the disk in order.
   */
  cut(random: () => number, keepsOrder: boolean): PowerCut {
    const names = this.#syncedNames;
    const namings = choose(this.#namings, random, false);
    for (const naming of namings) setNames(names, naming.names);
    let pending = this.#namings.length;
    let kept = namings.length;
    rmSync(this.#root, { recursive: true, force: true });
    mkdirSync(this.#root, { recursive: true });
    // A name is lost with its folder's.
    for (const path of [...names.keys()].sort()) {
      const file = names.get(path)!;
      const place = join(this.#root, path);
      if (path === "" || !existsSync(posix.dirname(place)) || MAPPED.test(path)) continue;
      if (file.isFolder) {
        mkdirSync(place);
        continue;
      }
      const all = file.changes;
      const left = choose(all, random, keepsOrder);
      pending += all.length;
      kept += left.length;
      const isTorn = random() < 0.5;
      const changes = isTorn
        ? left.flatMap((change, index) => {
            const isLast = index === left.length - 1;
            return keepsOrder && !isLast ? [change] : tear(change, random, keepsOrder);
          })
        : left;
      writeFileSync(place, file.synced.with(changes));
    }
    return { syncs: this.#syncCount, pending, kept };
  }
}

function setNames(into: Map<string, DiskFile>, names: Naming["names"]): void {
  for (const [path, file] of names) {
    if (file === undefined) into.delete(path);
    else into.set(path, file);
  }
}

/** None, all, the first ones, or any: a disk promises no order among what is not synced. */
function choose<T>(all: readonly T[], random: () => number, keepsOrder: boolean): T[] {
  const dice = random();
  if (dice < 0.2) return [];
  if (dice < 0.4) return [...all];
  if (dice < 0.7 || keepsOrder) return all.slice(0, Math.floor(random() * (all.length + 1)));
  return all.filter(() => random() < 0.5);
}

/** What is left of a write: some of its sectors, the first ones or any. */
function tear(change: Change, random: () => number, keepsOrder: boolean): Change[] {
  if (change.kind === "size" || random() < 0.5) return [change];
  const sectors: Change[] = [];
  const { at, bytes } = change;
  for (let from = 0; from < bytes.length; ) {
    const to = from + SECTOR_BYTES - ((at + from) % SECTOR_BYTES);
    sectors.push({ kind: "write", at: at + from, bytes: bytes.subarray(from, to) });
    from = to;
  }
  return choose(sectors, random, keepsOrder);
}

/** Whether each byte is as before or as after the last change. */
function isBetween(real: Buffer | undefined, before: Buffer, after: Buffer): boolean {
  if (real === undefined || real.length > Math.max(before.length, after.length)) return false;
  return real.every((byte, index) => byte === before[index] || byte === after[index]);
}
