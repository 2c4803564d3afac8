import { existsSync } from "node:fs";
import { mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { StorageError } from "../../core/contracts/storage.ts";
import { formatZxid, type Zxid } from "../../core/wire/zxid.ts";

const VERSION_DIR = "version-2";
const HEX_ZXID = /^[0-9a-f]{1,16}$/i;
/** Endings of compressed snapshots. */
const COMPRESSIONS = ["gz", "snappy"];

/** What this storage leaves beside Apache's files; Apache looks at none of them. */
export const OWN_FILES = {
  lock: "zookit.lock",
  nodes: "zookit.nodes.tmp",
  snapshot: "zookit.snapshot.tmp",
  installed: "zookit.installed",
  install: "zookit.install",
} as const;

/** A file that names a zxid. */
export interface NamedFile {
  readonly name: string;
  readonly zxid: Zxid;
}

/** Where Apache keeps what (PP 1). */
export class Layout {
  readonly dataDir: string;
  /** Snapshots and epochs. */
  readonly snapshotDir: string;
  readonly logDir: string;

  constructor(dataDir: string, dataLogDir: string = dataDir) {
    this.dataDir = dataDir;
    this.snapshotDir = join(dataDir, VERSION_DIR);
    this.logDir = join(dataLogDir, VERSION_DIR);
  }

  /** Both folders, one when they are the same. */
  get folders(): readonly string[] {
    return [...new Set([this.snapshotDir, this.logDir])];
  }

  async make(): Promise<void> {
    for (const folder of this.folders) await makeFolder(resolve(folder));
  }

  /** Apache's own check: two folders, but a file of one kind in the folder of the other. */
  async check(): Promise<void> {
    if (this.logDir === this.snapshotDir) return;
    const strangers = [
      ...(await listFiles(this.logDir, "snapshot")).map(({ name }) => join(this.logDir, name)),
      ...(await listFiles(this.snapshotDir, "log")).map(({ name }) => join(this.snapshotDir, name)),
    ];
    if (strangers.length === 0) return;
    throw new StorageError("incompatible", `dataDir or dataLogDir is wrong: ${strangers[0]}`);
  }

  snapshotPath(zxid: Zxid): string {
    return join(this.snapshotDir, `snapshot.${formatZxid(zxid)}`);
  }

  ownPath(file: keyof typeof OWN_FILES): string {
    return join(this.snapshotDir, OWN_FILES[file]);
  }
}

/** The logs or snapshots of a folder, in zxid order. */
export async function listFiles(folder: string, kind: "log" | "snapshot"): Promise<NamedFile[]> {
  const found: NamedFile[] = [];
  for (const name of await readdir(folder)) {
    const [prefix, zxid = "", ending, ...more] = name.split(".");
    if (prefix !== kind || !HEX_ZXID.test(zxid) || more.length > 0) continue;
    const isCompressed = kind === "snapshot" && COMPRESSIONS.includes(ending ?? "");
    if (ending === undefined || isCompressed) found.push({ name, zxid: Number.parseInt(zxid, 16) });
  }
  return found.sort((a, b) => a.zxid - b.zxid);
}

/** Durably, with those above it. Node's own way to do so never ends below /proc. */
async function makeFolder(path: string): Promise<void> {
  if (existsSync(path)) return;
  await makeFolder(dirname(path));
  await mkdir(path, { mode: 0o700 }).catch((error) => {
    // Another one may have been as quick.
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  });
  await syncFolder(dirname(path));
}

/** Makes what was created, renamed or removed in a folder survive a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Replaces a small file in one step: `<name>.tmp`, fsync, rename (PP 1). */
export async function replaceFile(folder: string, name: string, text: string): Promise<void> {
  const temporary = join(folder, `${name}.tmp`);
  const handle = await open(temporary, "w", 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, join(folder, name));
  await syncFolder(folder);
}

/** Removes a file that may be missing. */
export async function removeFile(path: string): Promise<void> {
  await rm(path, { force: true });
}

/** What a failed call of the file system is to the server. */
export function asStorageError(error: unknown, what: string): StorageError {
  if (error instanceof StorageError) return error;
  const code = (error as NodeJS.ErrnoException).code;
  const isFull = code === "ENOSPC" || code === "EDQUOT";
  return new StorageError(isFull ? "full" : "io", what, { cause: error });
}
