import type { Zxid } from "../../core/wire/zxid.ts";
import type { Connection, Row, Statement } from "./connection.ts";
import type { LogChange, LogFile, LogRow, LogState } from "./disk.ts";

const COLUMNS = "last_zxid, first_zxid, previous_zxid, count, crc, bytes";
const INSERT = `INSERT INTO batch (${COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6)`;
const NEWEST = `SELECT ${COLUMNS} FROM batch ORDER BY last_zxid DESC LIMIT 1`;
const FIRST_ABOVE = `SELECT ${COLUMNS} FROM batch WHERE last_zxid > ?1 ORDER BY last_zxid LIMIT 1`;
// The first row always, and the next ones while their running sum fits.
const SCAN = `SELECT ${COLUMNS} FROM batch WHERE last_zxid > ?1 AND last_zxid <= (
  SELECT max(last_zxid) FROM (
    SELECT last_zxid, row_number() OVER ordered AS place, sum(size) OVER ordered AS total
    FROM (SELECT last_zxid, length(bytes) AS size
      FROM batch WHERE last_zxid > ?1 ORDER BY last_zxid LIMIT 1000)
    WINDOW ordered AS (ORDER BY last_zxid ROWS UNBOUNDED PRECEDING)
  ) WHERE place = 1 OR total <= ?2) ORDER BY last_zxid`;
const SIZE = `SELECT ifnull(sum(length(bytes)), 0) AS size FROM batch
  WHERE last_zxid > ?1 AND last_zxid <= ?2`;
const CUT = "DELETE FROM batch WHERE last_zxid > ?1";
// Few at a time, so that a commit never waits long behind it.
const DROP_ROWS = 64;
const DROP = `DELETE FROM batch WHERE last_zxid IN (
  SELECT last_zxid FROM batch WHERE last_zxid <= ?1 ORDER BY last_zxid LIMIT ${DROP_ROWS})`;
const ANY_UP_TO =
  "SELECT count(*) AS rows FROM (SELECT 1 FROM batch WHERE last_zxid <= ?1 LIMIT 1)";
const READ_STATE = "SELECT accepted_epoch, current_epoch, install_count, crc FROM state";
const WRITE_STATE = `INSERT OR REPLACE INTO state
  (id, accepted_epoch, current_epoch, install_count, crc) VALUES (1, ?1, ?2, ?3, ?4)`;

/** The log in log.db. */
export class SqliteLog implements LogFile {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async state(): Promise<LogState | undefined> {
    const [row] = await this.#connection.all(READ_STATE, []);
    if (row === undefined) return undefined;
    return {
      acceptedEpoch: Number(row["accepted_epoch"]),
      currentEpoch: Number(row["current_epoch"]),
      installCount: Number(row["install_count"]),
      crc: Number(row["crc"]),
    };
  }

  async newest(): Promise<LogRow | undefined> {
    const [row] = await this.#connection.all(NEWEST, []);
    return row && logRow(row);
  }

  async scan(after: Zxid, bytesMax: number): Promise<LogRow[]> {
    const rows =
      bytesMax === 0
        ? await this.#connection.all(FIRST_ABOVE, [after])
        : await this.#connection.all(SCAN, [after, bytesMax]);
    return rows.map(logRow);
  }

  async sizeBetween(after: Zxid, through: Zxid): Promise<number> {
    const [row] = await this.#connection.all(SIZE, [after, through]);
    return Number(row?.["size"]);
  }

  append(row: LogRow): Promise<void> {
    return this.#connection.run(...insert(row));
  }

  change({ cutAbove, put, state }: LogChange): Promise<void> {
    const statements: Statement[] = [];
    if (cutAbove !== undefined) statements.push([CUT, [cutAbove]]);
    if (put !== undefined) statements.push(insert(put));
    if (state !== undefined) {
      const { acceptedEpoch, currentEpoch, installCount, crc } = state;
      statements.push([WRITE_STATE, [acceptedEpoch, currentEpoch, installCount, crc]]);
    }
    return this.#connection.transact(statements);
  }

  async drop(through: Zxid): Promise<boolean> {
    await this.#connection.run(DROP, [through]);
    const [row] = await this.#connection.all(ANY_UP_TO, [through]);
    return row?.["rows"] !== 0;
  }
}

function insert(row: LogRow): Statement {
  const { lastZxid, firstZxid, previousZxid, count, crc, bytes } = row;
  return [INSERT, [lastZxid, firstZxid, previousZxid, count, crc, bytes]];
}

function logRow(row: Row): LogRow {
  return {
    lastZxid: Number(row["last_zxid"]),
    firstZxid: Number(row["first_zxid"]),
    previousZxid: Number(row["previous_zxid"]),
    count: Number(row["count"]),
    crc: Number(row["crc"]),
    bytes: row["bytes"] as Uint8Array,
  };
}
