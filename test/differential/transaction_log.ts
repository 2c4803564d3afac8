import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { SqliteStorage } from "../../storage/sqlite/mod.ts";
import type { Server } from "./servers.ts";

const FILE_HEADER_BYTES = 16;
/** Checksum and length before each transaction, and one byte behind it. */
const RECORD_HEADER_BYTES = 12;

/** The transactions of a stopped server, oldest first: header, body and digest of each. */
export function transactionsOf({ kind, home }: Server): AsyncIterable<Uint8Array> {
  const folder = join(home, "data");
  return kind === "apache" ? apacheTransactions(folder) : zookitTransactions(folder);
}

async function* apacheTransactions(folder: string): AsyncGenerator<Uint8Array> {
  const files = readdirSync(join(folder, "version-2")).filter((name) => name.startsWith("log."));
  const zxidOf = (name: string): number => Number.parseInt(name.slice("log.".length), 16);
  for (const name of files.sort((a, b) => zxidOf(a) - zxidOf(b))) {
    const bytes = readFileSync(join(folder, "version-2", name));
    let at = FILE_HEADER_BYTES;
    while (at + RECORD_HEADER_BYTES <= bytes.length) {
      const size = bytes.readInt32BE(at + 8);
      if (size <= 0) break; // The file is longer than what has been written to it.
      at += RECORD_HEADER_BYTES;
      yield bytes.subarray(at, at + size);
      at += size + 1;
    }
  }
}

async function* zookitTransactions(folder: string): AsyncGenerator<Uint8Array> {
  const storage = new SqliteStorage({ path: folder });
  await storage.open();
  try {
    for await (const { bytes } of storage.read(0)) {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      let at = 0;
      while (at < bytes.length) {
        const size = view.getInt32(at);
        yield bytes.subarray(at + 4, at + 4 + size);
        at += 4 + size;
      }
    }
  } finally {
    await storage.close();
  }
}
