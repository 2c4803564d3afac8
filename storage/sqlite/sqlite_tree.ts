import { JuteWriter } from "../../core/wire/jute.ts";
import type { Connection, Statement } from "./connection.ts";
import type { Area, NodePage, NodeRows, PartRow, TreeChange, TreeFile, TreeState } from "./disk.ts";
import { treeTables, znodeView } from "./schema.ts";

// A slice goes to SQLite in one call: the records as they are, and an array of one number each,
// which holds offset, path size and record size side by side. SQL takes it apart. The array is JSON
// in bytes that are used again: a million short strings would be work for the collector.
const RECORD_BITS = 2 ** 17;
const PATH_BITS = 2 ** 11;
const GROUP_BYTES = 4 << 20;

const SAME_KEY = `iif(path = '/', substr(record, 1, 4) = x'00000000',
  substr(record, 5, length(CAST(path AS BLOB))) = CAST(path AS BLOB))`;

function sqlFor(area: Area): Readonly<Record<string, string>> {
  const prefix = area === "live" ? "" : "staged_";
  const upsert = "ON CONFLICT (path) DO UPDATE SET record = excluded.record, crc = excluded.crc";
  return {
    putMany: `INSERT INTO ${prefix}node (path, record, crc) SELECT
      ifnull(nullif(CAST(substr(?1, (value >> 28) + 5, (value >> 17) & 2047) AS TEXT), ''), '/'),
      substr(?1, (value >> 28) + 1, value & 131071), substr(?3, key * 4 + 1, 4)
      FROM json_each(CAST(?2 AS TEXT)) WHERE true ${upsert}`,
    putOne: `INSERT INTO ${prefix}node (path, record, crc) VALUES
      (ifnull(nullif(CAST(?1 AS TEXT), ''), '/'), ?2, ?3) ${upsert}`,
    remove: `DELETE FROM ${prefix}node WHERE path IN (SELECT value FROM json_each(?1))`,
    putPart: `INSERT OR REPLACE INTO ${prefix}part (id, bytes, crc) VALUES (?1, ?2, ?3)`,
    putState: `INSERT OR REPLACE INTO ${prefix}state (id, zxid, node_count, install_count, crc)
      VALUES (1, ?1, ?2, ?3, ?4)`,
    state: `SELECT zxid, node_count, install_count, crc FROM ${prefix}state`,
    parts: `SELECT id, bytes, crc FROM ${prefix}part ORDER BY id`,
    count: `SELECT count(*) AS count FROM ${prefix}node`,
    scan: `SELECT count(*) AS count, CAST(group_concat(record, '') AS BLOB) AS records,
      CAST(group_concat(crc, '') AS BLOB) AS crcs, max(path) AS last_path,
      min(${SAME_KEY}) AS keys_match FROM
      (SELECT path, record, crc FROM ${prefix}node WHERE path > ?1 ORDER BY path LIMIT ?2)`,
  };
}

const SQL = { live: sqlFor("live"), staged: sqlFor("staged") };
const TABLES = ["node", "part", "state"];

/** The trees in tree.db. */
export class SqliteTree implements TreeFile {
  readonly #connection: Connection;
  /** For the arrays of the next change; undefined while one has it. */
  #spareText: JuteWriter | undefined = new JuteWriter(INDEX_BYTES);

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async state(area: Area): Promise<TreeState | undefined> {
    const [row] = await this.#connection.all(SQL[area]["state"]!, []);
    if (row === undefined) return undefined;
    return {
      zxid: Number(row["zxid"]),
      nodeCount: Number(row["node_count"]),
      installCount: Number(row["install_count"]),
      crc: Number(row["crc"]),
    };
  }

  async parts(area: Area): Promise<PartRow[]> {
    const rows = await this.#connection.all(SQL[area]["parts"]!, []);
    return rows.map((row) => ({
      id: Number(row["id"]),
      bytes: row["bytes"] as Uint8Array,
      crc: Number(row["crc"]),
    }));
  }

  async scan(area: Area, after: string, countMax: number): Promise<NodePage> {
    const [row] = await this.#connection.all(SQL[area]["scan"]!, [after, countMax]);
    return {
      count: Number(row?.["count"]),
      records: (row?.["records"] ?? new Uint8Array(0)) as Uint8Array,
      crcs: (row?.["crcs"] ?? new Uint8Array(0)) as Uint8Array,
      lastPath: String(row?.["last_path"] ?? ""),
      keysMatch: row?.["keys_match"] === 1,
    };
  }

  async count(area: Area): Promise<number> {
    const [row] = await this.#connection.all(SQL[area]["count"]!, []);
    return Number(row?.["count"]);
  }

  async change(area: Area, change: TreeChange): Promise<void> {
    const { parts = [], deleted = [], nodes, state } = change;
    const sql = SQL[area];
    const text = this.#spareText ?? new JuteWriter(INDEX_BYTES);
    this.#spareText = undefined;
    const statements: Statement[] = [];
    for (const { id, bytes, crc } of parts) statements.push([sql["putPart"]!, [id, bytes, crc]]);
    if (deleted.length > 0) statements.push([sql["remove"]!, [JSON.stringify(deleted)]]);
    if (nodes !== undefined) pushNodes(statements, nodes, sql, text);
    if (state !== undefined) {
      const { zxid, nodeCount, installCount, crc } = state;
      statements.push([sql["putState"]!, [zxid, nodeCount, installCount, crc]]);
    }
    await this.#connection.transact(statements);
    text.clear();
    this.#spareText = text;
  }

  clearStaged(): Promise<void> {
    return this.#connection.transact(
      TABLES.map((name): Statement => [`DELETE FROM staged_${name}`, []]),
    );
  }

  swap(): Promise<void> {
    // The view names a table, so it goes first and comes last.
    const statements = [
      "DROP VIEW znode",
      ...TABLES.map((name) => `DROP TABLE ${name}`),
      ...TABLES.map((name) => `ALTER TABLE staged_${name} RENAME TO ${name}`),
      ...treeTables("staged_"),
      znodeView(),
    ];
    return this.#connection.transact(statements.map((sql): Statement => [sql, []]));
  }
}

function pushNodes(
  statements: Statement[],
  { records, starts, pathSizes, crcs }: NodeRows,
  sql: Readonly<Record<string, string>>,
  text: JuteWriter,
): void {
  let first = 0;
  let textStart = text.length;
  const flush = (to: number): void => {
    if (to > first) {
      text.byte(CLOSE);
      const group = records.subarray(starts[first], starts[to]);
      const groupCrcs = crcs.subarray(first * 4, to * 4);
      statements.push([sql["putMany"]!, [group, text.view(textStart), groupCrcs]]);
    }
    first = to;
    textStart = text.length;
  };
  for (let at = 0; at < pathSizes.length; at++) {
    const start = starts[at]!;
    const size = starts[at + 1]! - start;
    const pathSize = pathSizes[at]!;
    const isLarge = size >= RECORD_BITS || pathSize >= PATH_BITS;
    if (isLarge || start - starts[first]! > GROUP_BYTES) flush(at);
    if (isLarge) {
      const path = records.subarray(start + 4, start + 4 + pathSize);
      const record = records.subarray(start, start + size);
      statements.push([sql["putOne"]!, [path, record, crcs.subarray(at * 4, at * 4 + 4)]]);
      first = at + 1;
    } else {
      text.byte(at === first ? OPEN : COMMA);
      writeDecimal(text, ((start - starts[first]!) * PATH_BITS + pathSize) * RECORD_BITS + size);
    }
  }
  flush(pathSizes.length);
}

/** Writes a whole number from 0 to 10^16 - 1, with blanks before it. */
function writeDecimal(text: JuteWriter, value: number): void {
  const high = Math.floor(value / HALF);
  const at = text.reserve(2 * HALF_DIGITS);
  writeDigits(text.bytes, at, high);
  writeDigits(text.bytes, at + HALF_DIGITS, value - high * HALF);
  const last = at + 2 * HALF_DIGITS - 1;
  for (let index = at; index < last && text.bytes[index] === ZERO; index++) {
    text.bytes[index] = BLANK;
  }
}

function writeDigits(bytes: Uint8Array, at: number, value: number): void {
  let left = value;
  for (let index = at + HALF_DIGITS - 1; index >= at; index--) {
    const next = (left / 10) | 0;
    bytes[index] = ZERO + left - next * 10;
    left = next;
  }
}

const HALF = 1e8;
const HALF_DIGITS = 8;
const [OPEN, COMMA, CLOSE, ZERO, BLANK] = [0x5b, 0x2c, 0x5d, 0x30, 0x20] as const;
const INDEX_BYTES = 64 << 10;
