import { ADMIN_COMMAND } from "../core/contracts/admin.ts";
import { CONSENSUS } from "../core/contracts/consensus.ts";
import { LOGGER } from "../core/contracts/logger.ts";
import { STORAGE } from "../core/contracts/storage.ts";
import type { Plugin } from "../core/kernel/plugin.ts";
import { measureFree } from "../plugins/admin/disk_space.ts";
import { backupCommand } from "./backup_command.ts";
import { restoreCommand } from "./restore_command.ts";

/** Which command reads or replaces all data at the moment: one at a time. */
export interface DataTurn {
  holder: "backup" | "restore" | undefined;
}

/**
 * Brings the admin commands `backup` and `restore`, for folders of the server's machine.
 *
 * @param dataDir where the server has its own data; undefined when they are in memory.
 */
export function dataCommands(dataDir: string | undefined): Plugin {
  return {
    name: "data-commands",
    provides: [ADMIN_COMMAND],
    requires: [STORAGE, CONSENSUS, LOGGER],
    register: (container) => {
      const turn: DataTurn = { holder: undefined };
      container.provide(ADMIN_COMMAND, () => backupCommand(container.get(STORAGE), turn));
      container.provide(ADMIN_COMMAND, () => {
        const logger = container.get(LOGGER).child("restore");
        const freeBytes = dataDir === undefined ? undefined : () => measureFree(dataDir);
        return restoreCommand({ consensus: container.get(CONSENSUS), logger, freeBytes }, turn);
      });
    },
  };
}
