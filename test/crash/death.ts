import { copyFileSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { loadPackageBinding } from "../../storage/sqlite/package_binding.ts";

/** What a server was doing when it was killed. */
export type Death = "checkpoint" | "trimming" | "recovery" | "serving";

/** Looks at a copy of the files that a killed server left; tells nothing of a recovery. */
export async function deathOf(dataDir: string): Promise<Death> {
  const folder = mkdtempSync(`${dataDir}-copy-`);
  try {
    for (const name of readdirSync(dataDir)) {
      if (!name.endsWith("-shm")) copyFileSync(join(dataDir, name), join(folder, name));
    }
    const ask = async (file: string, sql: string): Promise<number> => {
      const connection = await (await loadPackageBinding()).connect(join(folder, file));
      const [row] = await connection.all(sql, []);
      await connection.close();
      return Number(Object.values(row ?? {})[0]);
    };
    // The number of znodes is not known while a checkpoint changes them.
    if ((await ask("tree.db", "SELECT node_count FROM state")) === -1) return "checkpoint";
    const zxid = await ask("tree.db", "SELECT zxid FROM state");
    const rows = await ask("log.db", `SELECT count(*) FROM batch WHERE last_zxid <= ${zxid}`);
    return rows > 0 ? "trimming" : "serving";
  } finally {
    rmSync(folder, { recursive: true });
  }
}
