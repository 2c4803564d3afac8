import { StorageError } from "../../core/contracts/storage.ts";
import type { Connection, Statement } from "./connection.ts";

/** "ZKIT": what `file` and SQLite call the application id. */
const APPLICATION_ID = 0x5a4b4954;
/** Raised with every change that an older version would misread. */
const SCHEMA_VERSION = 1;

/** How log.db is made. */
export const LOG_SCHEMA: readonly string[] = [
  `CREATE TABLE batch (last_zxid INTEGER PRIMARY KEY, first_zxid INTEGER NOT NULL,
    previous_zxid INTEGER NOT NULL, count INTEGER NOT NULL, crc INTEGER NOT NULL,
    bytes BLOB NOT NULL)`,
  `CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), accepted_epoch INTEGER NOT NULL,
    current_epoch INTEGER NOT NULL, install_count INTEGER NOT NULL, crc INTEGER NOT NULL)`,
];

/** The tables of a tree; `prefix` is `staged_` for the one that is being received. */
export function treeTables(prefix: "" | "staged_"): string[] {
  return [
    `CREATE TABLE ${prefix}node (path TEXT PRIMARY KEY, record BLOB NOT NULL, crc BLOB NOT NULL)
      WITHOUT ROWID`,
    `CREATE TABLE ${prefix}part (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL,
      crc INTEGER NOT NULL)`,
    `CREATE TABLE ${prefix}state (id INTEGER PRIMARY KEY CHECK (id = 1), zxid INTEGER NOT NULL,
      node_count INTEGER NOT NULL, install_count INTEGER NOT NULL, crc INTEGER NOT NULL)`,
  ];
}

/** `count` bytes of the record as a signed big-endian integer; SQL knows no such function. */
function integerAt(offset: string, count: 4 | 8): string {
  const digits: string[] = [];
  for (let digit = 0; digit < count * 2; digit++) {
    const shift = (count * 2 - 1 - digit) * 4;
    digits.push(
      `(instr('123456789ABCDEF', substr(hex(substr(record, ${offset}, ${count})), ` +
        `${digit + 1}, 1)) << ${shift})`,
    );
  }
  const bits = digits.join(" | ");
  // A shift into the 64th bit gives the sign by itself; 32 bits need it spread.
  return count === 8 ? `(${bits})` : `(((${bits}) << 32) >> 32)`;
}

/** The view for people: one row a znode, by path, Stat fields as numbers (PP 1.2). */
export function znodeView(): string {
  const pathSize = "iif(path = '/', 0, length(CAST(path AS BLOB)))";
  const dataSize = integerAt(`5 + ${pathSize}`, 4);
  const fields: readonly (readonly [string, number, 4 | 8])[] = [
    ["acl", -68, 8],
    ["czxid", -60, 8],
    ["mzxid", -52, 8],
    ["ctime", -44, 8],
    ["mtime", -36, 8],
    ["version", -28, 4],
    ["cversion", -24, 4],
    ["aversion", -20, 4],
    ["ephemeral_owner", -16, 8],
    ["pzxid", -8, 8],
  ];
  const columns = fields.map(
    ([name, offset, count]) => `${integerAt(`${offset}`, count)} AS ${name}`,
  );
  return `CREATE VIEW znode AS SELECT path,
    iif(${dataSize} = -1, NULL, substr(record, 9 + ${pathSize}, ${dataSize})) AS data,
    ${columns.join(",\n    ")} FROM node`;
}

/** How tree.db is made. */
export const TREE_SCHEMA: readonly string[] = [
  ...treeTables(""),
  ...treeTables("staged_"),
  znodeView(),
];

/**
 * Makes the tables of a new file, and refuses one that this version does not understand.
 *
 * @param pragmas settings for a file that is ours.
 * @throws {StorageError} `incompatible`
 */
export async function prepareSchema(
  connection: Connection,
  file: string,
  schema: readonly string[],
  pragmas: readonly string[],
): Promise<void> {
  const number = async (sql: string): Promise<number> => {
    const [row] = await connection.all(sql, []);
    return Number(Object.values(row ?? {})[0]);
  };
  const application = await number("PRAGMA application_id");
  const version = await number("PRAGMA user_version");
  const tables = await number("SELECT count(*) FROM sqlite_schema");
  if (application === 0 && version === 0 && tables === 0) {
    const marks = [
      `PRAGMA application_id = ${APPLICATION_ID}`,
      `PRAGMA user_version = ${SCHEMA_VERSION}`,
    ];
    const statements = [...schema, ...marks].map((sql): Statement => [sql, []]);
    // The journal's mode is a property of the file: not before it is known to be ours.
    for (const pragma of pragmas) await connection.all(pragma, []);
    return connection.transact(statements);
  }
  if (application !== APPLICATION_ID) {
    throw new StorageError("incompatible", `${file} is a database of another application`);
  }
  if (version !== SCHEMA_VERSION) {
    throw new StorageError(
      "incompatible",
      `${file} has schema version ${version}; this server reads and writes ${SCHEMA_VERSION}`,
    );
  }
  for (const pragma of pragmas) await connection.all(pragma, []);
}
