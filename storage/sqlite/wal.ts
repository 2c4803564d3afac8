import { open } from "node:fs/promises";

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const MAGIC = 0x377f0682;

/** A cumulative checksum as SQLite's write-ahead log has it: two 32-bit sums. */
type Sums = readonly [number, number];

/**
 * Looks for damage in a write-ahead log before SQLite reads it: SQLite ends at the first frame
 * that does not match its checksum, without a word. Every commit is synced before the next one
 * begins, and none begins when that failed, so a crash can spoil the last commit only. A bad frame
 * before a later commit is damage.
 * What a crash left of a last commit is cut off, durably: frames of it that outlive the ones before
 * them would look like a later commit after the next crash.
 * Format: "WAL File Format" on sqlite.org.
 *
 * @returns what is wrong, undefined when nothing is, or when there is no such file.
 */
export async function checkWal(path: string): Promise<string | undefined> {
  const bytes = await readIfThere(path);
  if (bytes === undefined || bytes.length < HEADER_BYTES + FRAME_HEADER_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const isLittle = view.getUint32(0) === MAGIC;
  const pageSize = view.getUint32(8) || 65_536;
  const headerSums = sum(view, 0, 24, [0, 0], isLittle);
  const isHeaderSound =
    (isLittle || view.getUint32(0) === MAGIC + 1) &&
    headerSums[0] === view.getUint32(24) &&
    headerSums[1] === view.getUint32(28);
  if (!isHeaderSound) return `the header of ${path} does not match its checksum`;
  const { bad, end, isTorn } = scanFrames(view, pageSize, headerSums, isLittle);
  if (bad !== undefined) return `${path} is damaged at byte ${bad}, before later commits`;
  if (isTorn) await cut(path, end);
  return undefined;
}

interface Frames {
  /** The offset of a bad frame that lies before a whole commit. */
  readonly bad: number | undefined;
  /** The offset behind the last whole commit. */
  readonly end: number;
  /** Whether frames of the present use of the file stand behind that. */
  readonly isTorn: boolean;
}

function scanFrames(view: DataView, pageSize: number, headerSums: Sums, isLittle: boolean): Frames {
  const frameBytes = FRAME_HEADER_BYTES + pageSize;
  // What the frame before says its sums are, and what they are: they differ when it is bad, and the
  // next one tells which of the two was written.
  let stored = headerSums;
  let computed = headerSums;
  let bad: number | undefined;
  let end = HEADER_BYTES;
  let isTorn = false;
  /** Whether the commit that the bad frame belongs to has ended. */
  let hasEnded = false;
  for (let at = HEADER_BYTES; at + frameBytes <= view.byteLength; at += frameBytes) {
    // Frames of an earlier use of the file have other salts; they end the log.
    const isCurrent =
      view.getUint32(at + 8) === view.getUint32(16) &&
      view.getUint32(at + 12) === view.getUint32(20);
    const own: Sums = [view.getUint32(at + 16), view.getUint32(at + 20)];
    const after = (before: Sums): Sums => {
      const header = sum(view, at, at + 8, before, isLittle);
      return sum(view, at + FRAME_HEADER_BYTES, at + frameBytes, header, isLittle);
    };
    let sums = after(stored);
    if (!areEqual(sums, own) && !areEqual(stored, computed)) sums = after(computed);
    const isSound = isCurrent && areEqual(sums, own);
    stored = own;
    computed = sums;
    const isFirstBad = bad === undefined && !isSound;
    if (isFirstBad) bad = at;
    // The last frame of a commit holds the size of the file.
    const isLast = view.getUint32(at + 4) !== 0;
    if (bad === undefined && isLast) end = at + frameBytes;
    isTorn = isTorn || (isCurrent && at >= end);
    if (bad === undefined) continue;
    // A sound frame right behind vouches for the header of the bad one, but for the flipped bit.
    const vouched = isSound && at === bad + frameBytes && view.getUint32(bad + 4) !== 0;
    if (isSound && (hasEnded || vouched)) return { bad, end, isTorn };
    hasEnded ||= isLast && (isSound || (isFirstBad && isCurrent));
  }
  return { bad: undefined, end, isTorn };
}

async function cut(path: string, size: number): Promise<void> {
  const file = await open(path, "r+");
  try {
    await file.truncate(size);
    await file.sync();
  } finally {
    await file.close();
  }
}

function areEqual(a: Sums, b: Sums): boolean {
  return a[0] === b[0] && a[1] === b[1];
}

function sum(view: DataView, start: number, end: number, from: Sums, isLittle: boolean): Sums {
  let [s0, s1] = from;
  for (let at = start; at < end; at += 8) {
    s0 = (s0 + view.getUint32(at, isLittle) + s1) >>> 0;
    s1 = (s1 + view.getUint32(at + 4, isLittle) + s0) >>> 0;
  }
  return [s0, s1];
}

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(path, "r");
  } catch (cause) {
    if ((cause as { readonly code?: string }).code === "ENOENT") return undefined;
    throw cause;
  }
  try {
    return await file.readFile();
  } finally {
    await file.close();
  }
}
