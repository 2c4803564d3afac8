import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const FILE_HEADER_BYTES = 16;
/** Checksum, length, and the end mark of a record. */
const LENGTH_AT = 8;
const TXN_AT = 12;
const END_MARK_BYTES = 1;
/** Behind session and cxid. */
const ZXID_AT = TXN_AT + 12;

/**
 * Whether the logs in this data directory of Apache's hold a transaction twice. Its server 3.8.0
 * was seen to write some again as it followed anew under load, and to count mismatches of digests
 * when it replayed them (ZOOKEEPER-4541 may be why).
 */
export function hasLoggedTwice(dataDir: string): boolean {
  const folder = join(dataDir, "version-2");
  if (!existsSync(folder)) return false;
  const seen = new Set<bigint>();
  for (const name of readdirSync(folder)) {
    if (!name.startsWith("log.")) continue;
    const bytes = readFileSync(join(folder, name));
    let at = FILE_HEADER_BYTES;
    while (at + ZXID_AT + 8 <= bytes.length) {
      const length = bytes.readInt32BE(at + LENGTH_AT);
      if (length <= 0) break; // The zeros that the file was made longer by.
      const zxid = bytes.readBigInt64BE(at + ZXID_AT);
      if (seen.has(zxid)) return true;
      seen.add(zxid);
      at += TXN_AT + length + END_MARK_BYTES;
    }
  }
  return false;
}
