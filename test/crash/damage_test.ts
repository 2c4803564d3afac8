/**
 * Flips bits, tears and cuts in the files of killed servers: either the damage is found, or all is
 * there that was acknowledged. `ZOOKIT_DAMAGE_TRIALS` sets how often, for each storage.
 */
import { createHash } from "node:crypto";
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { recoverTree } from "../../cli/copy_storage.ts";
import type { Storage } from "../../core/contracts/storage.ts";
import type { Tree } from "../../core/tree/tree.ts";
import type { Zxid } from "../../core/wire/zxid.ts";
import { createServer, essentials } from "../../mod.ts";
import { ApacheStorage, apacheStorage } from "../../storage/apache/mod.ts";
import { SqliteStorage, sqliteStorage } from "../../storage/sqlite/mod.ts";
import { randomFrom } from "./history.ts";
import type { StorageKind } from "./server_process.ts";

const TRIALS = Number(process.env.ZOOKIT_DAMAGE_TRIALS ?? 100);
const SEED = Number(process.env.ZOOKIT_CRASH_SEED ?? Date.now() % 1_000_000);
const SECTOR_BYTES = 512;
/** What a crash may leave behind, or what belongs to nobody else. */
const IGNORED = /(?:-shm|lock\.db.*|zookit\.lock)$/;

const root = mkdtempSync(join(tmpdir(), "zookit-damage-"));
const random = randomFrom(SEED);
test.after(() => rmSync(root, { recursive: true, force: true }));

function open(kind: StorageKind, folder: string): Storage {
  if (kind === "sqlite") return new SqliteStorage({ path: folder });
  return new ApacheStorage({ dataDir: folder });
}

/** The files of a server amid its work, as a kill leaves them. */
async function makeKilled(kind: StorageKind): Promise<string> {
  const live = mkdtempSync(join(root, "live-"));
  const storage =
    kind === "sqlite" ? sqliteStorage({ path: live }) : apacheStorage({ dataDir: live });
  const plugins = [...essentials({ logLevel: "silent" }), storage];
  const server = createServer({ plugins, snapCount: 150 });
  await server.start();
  const client = await server.connect();
  for (let round = 0; round < 20; round++) {
    const name = (index: number): string => `/n${round}-${index}`;
    const names = Array.from({ length: 20 }, (_, index) => name(index));
    await Promise.all(names.map((path) => client.create(path, "x".repeat(round * 40))));
    await client.delete(name(3));
  }
  const killed = mkdtempSync(join(root, "killed-"));
  cpSync(live, killed, { recursive: true, filter: (path) => !IGNORED.test(path) });
  await client.close();
  await server.stop();
  return killed;
}

/** What a folder holds: the last zxid, and a hash of tree, sessions and epochs. */
async function contentOf(kind: StorageKind, folder: string): Promise<[Zxid, string]> {
  const storage = open(kind, folder);
  try {
    const { acceptedEpoch, currentEpoch } = await storage.open();
    const { tree } = await recoverTree(storage);
    const hash = createHash("sha256").update(`${acceptedEpoch} ${currentEpoch}`);
    hash.update(JSON.stringify(sessionsOf(tree))).update(znodesOf(tree).join("\n"));
    return [tree.lastZxid, hash.digest("hex")];
  } finally {
    await storage.close();
  }
}

function sessionsOf(tree: Tree): string[] {
  return [...tree.sessions.entries()].map(([id, { timeoutMs }]) => `${id} ${timeoutMs}`).sort();
}

/** All znodes by path: a snapshot that was written amid changes has them in another order. */
function znodesOf(tree: Tree): string[] {
  const znodes: string[] = [];
  for (let node = 0; node < tree.indexEnd; node++) {
    if (!tree.isNode(node)) continue;
    const { ephemeralOwner, ...stat } = tree.stat(node);
    const data = Buffer.from(tree.data(node) ?? []).toString("latin1");
    const kind = [tree.kind(node), tree.ttlMs(node), tree.hasNullData(node)];
    const rest = [stat, String(ephemeralOwner), ...kind, tree.acls(tree.aclId(node)), data];
    znodes.push(`${tree.pathOf(node)} ${JSON.stringify(rest)}`);
  }
  return znodes.sort();
}

/** The last zxid before the last commit. In Apache's files, of which nobody knows, a record. */
async function lastCommit(kind: StorageKind, folder: string): Promise<Zxid> {
  if (kind === "apache") return (await contentOf(kind, folder))[0] - 1;
  const storage = new SqliteStorage({ path: folder });
  await storage.open();
  let first = 0;
  for await (const batch of storage.read(0)) first = batch.firstZxid;
  await storage.close();
  return first - 1;
}

/**
 * What docs/storage.md and docs/apache-files.md say cannot be told: a log without its end, and a
 * spoilt last commit.
 */
function mayBeShorter(file: string, { how, atEnd }: Damage, isLastCommit: boolean): boolean {
  if (file === "log.db-wal") return how === "cut" || isLastCommit;
  // Zeros behind the last record are room for more.
  const isGone = how === "cut" || how === "remove" || how === "zero" || (how === "tear" && atEnd);
  return /^version-2\/log\./.test(file) && (isGone || isLastCommit);
}

function filesIn(folder: string): string[] {
  const all = readdirSync(folder, { recursive: true }) as string[];
  return all.filter(
    (name) => statSync(join(folder, name)).size > 0 && !statSync(join(folder, name)).isDirectory(),
  );
}

const HARMS = ["flip", "tear", "cut", "zero", "remove", "foreign"] as const;

interface Damage {
  readonly how: (typeof HARMS)[number];
  readonly what: string;
  /** Whether a tear goes through to the end of the file. */
  readonly atEnd: boolean;
}

function harm(file: string, how: Damage["how"]): Damage {
  const bytes = readFileSync(file);
  const at = Math.floor(random() * bytes.length);
  const sector = at - (at % SECTOR_BYTES);
  if (how === "flip") bytes[at]! ^= 1 << Math.floor(random() * 8);
  if (how === "tear") bytes.fill(0, sector, Math.min(sector + SECTOR_BYTES, bytes.length));
  if (how === "foreign") bytes.fill("not what it was ", 0, Math.min(SECTOR_BYTES, bytes.length));
  if (how === "remove") rmSync(file);
  else writeFileSync(file, how === "cut" ? bytes.subarray(0, at) : how === "zero" ? "" : bytes);
  const atEnd = sector + SECTOR_BYTES >= bytes.length;
  return { how, what: `${how} at ${at} of ${bytes.length}`, atEnd };
}

for (const kind of ["sqlite", "apache"] as const) {
  test(`damage to ${kind} files is found, or does no harm`, async () => {
    const killed = await makeKilled(kind);
    const copy = join(root, "copy");
    const fresh = (): void => {
      rmSync(copy, { recursive: true, force: true });
      cpSync(killed, copy, { recursive: true });
    };
    fresh();
    const [lastZxid, whole] = await contentOf(kind, copy);
    const beforeLast = await lastCommit(kind, copy);
    const outcomes = new Map<string, number>();
    const wrong: string[] = [];
    for (let trial = 0; trial < TRIALS; trial++) {
      fresh();
      const files = filesIn(copy);
      const file = files[Math.floor(random() * files.length)]!;
      const dice = random();
      const how = dice < 0.5 ? "flip" : HARMS[Math.floor(random() * HARMS.length)]!;
      const done = harm(join(copy, file), how);
      const what = `${file}: ${done.what}`;
      let outcome: string;
      try {
        const [zxid, content] = await contentOf(kind, copy);
        outcome = content === whole ? "harmless" : zxid < lastZxid ? "shorter" : "another tree";
        const isTold = outcome === "shorter" && mayBeShorter(file, done, zxid >= beforeLast);
        if (outcome !== "harmless" && !isTold) {
          wrong.push(`${what}: ${outcome}, ${zxid} of ${lastZxid}`);
        }
      } catch (error) {
        const { kind: errorKind } = error as { readonly kind?: string };
        outcome = errorKind ?? "no storage error";
        if (errorKind === undefined) wrong.push(`${what}: ${String(error)}`);
      }
      const key = `${how}: ${outcome}`;
      outcomes.set(key, (outcomes.get(key) ?? 0) + 1);
    }
    const table = [...outcomes].sort().map(([key, count]) => `${count} ${key}`);
    console.log(`${kind}, seed ${SEED}: ${table.join(", ")}`);
    assert.equal(wrong, [], `seed ${SEED}`);
  });
}

test.run();
