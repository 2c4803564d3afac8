import { ADMIN_COMMAND, type AdminCommand } from "../core/contracts/admin.ts";
import { CONSENSUS } from "../core/contracts/consensus.ts";
import { LOGGER } from "../core/contracts/logger.ts";
import { STORAGE } from "../core/contracts/storage.ts";
import type { Plugin } from "../core/kernel/plugin.ts";
import { measureFree } from "../plugins/admin/disk_space.ts";
import { backupCommand } from "./backup_command.ts";
import type { DataTurn } from "./data_turn.ts";
import { restoreCommand } from "./restore_command.ts";
import { snapshotCommand } from "./snapshot_command.ts";

/** What an operator may switch off (`admin.snapshot.enabled`, `admin.restore.enabled`). */
export interface DataCommandsOptions {
  /** Where the server has its own data; undefined when they are in memory. */
  readonly dataDir: string | undefined;
  readonly isSnapshotOn: boolean;
  readonly isRestoreOn: boolean;
}

/** Brings the admin commands `backup`, `snapshot` and `restore`. */
export function dataCommands(options: DataCommandsOptions): Plugin {
  const { dataDir } = options;
  return {
    name: "data-commands",
    provides: [ADMIN_COMMAND],
    requires: [STORAGE, CONSENSUS, LOGGER],
    register: (container) => {
      const turn: DataTurn = { holder: undefined };
      container.provide(ADMIN_COMMAND, () => backupCommand(container.get(STORAGE), turn));
      container.provide(ADMIN_COMMAND, () => {
        return onlyIf(options.isSnapshotOn, snapshotCommand(container.get(STORAGE), turn));
      });
      container.provide(ADMIN_COMMAND, () => {
        const logger = container.get(LOGGER).child("restore");
        const freeBytes = dataDir === undefined ? undefined : () => measureFree(dataDir);
        const parts = { consensus: container.get(CONSENSUS), logger, freeBytes };
        return onlyIf(options.isRestoreOn, restoreCommand(parts, turn));
      });
    },
  };
}

/** The command, or one that says that it was switched off: Apache answers with 503 then, too. */
function onlyIf(isOn: boolean, command: AdminCommand): AdminCommand {
  const [name] = command.names;
  if (isOn) return command;
  return { ...command, run: () => ({ status: 503, error: `admin.${name}.enabled is false` }) };
}
