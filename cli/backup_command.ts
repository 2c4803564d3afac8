import { isAbsolute } from "node:path";
import { ADMIN_COMMAND, type AdminCommand } from "../core/contracts/admin.ts";
import { STORAGE, type Storage, StorageError } from "../core/contracts/storage.ts";
import type { Plugin } from "../core/kernel/plugin.ts";
import { formatZxid } from "../core/wire/zxid.ts";
import { type CopyProgress, digestText, type RecoveredTree } from "./copy_storage.ts";
import { findOccupied, writeBackup } from "./write_backup.ts";

/** Time between two lines of progress, which also show that somebody is still there, ms. */
const PROGRESS_MS = 500;

/** A line of the answer, in JSON. The last one has `backup` or `error`. */
export interface BackupLine {
  readonly step?: CopyProgress["step"];
  readonly count?: number;
  /** What is in the finished backup, for people. */
  readonly backup?: string;
  readonly error?: string;
}

/**
 * Brings the admin command `POST /commands/backup?path=/new/folder`: the server writes a copy of
 * its data to a folder of its machine while it serves. One at a time.
 */
export function backupCommand(): Plugin {
  return {
    name: "backup-command",
    provides: [ADMIN_COMMAND],
    requires: [STORAGE],
    register: (container) => {
      container.provide(ADMIN_COMMAND, () => makeCommand(container.get(STORAGE)));
    },
  };
}

function makeCommand(storage: Storage): AdminCommand {
  let isBusy = false;
  return {
    names: ["backup"],
    method: "POST",
    needsServing: true,
    needsAuthority: true,
    run: ({ args }) => {
      const path = args.get("path") ?? "";
      if (!isAbsolute(path)) return { status: 400, error: "path must be absolute" };
      const occupied = findOccupied(path);
      if (occupied !== undefined) return { status: 409, error: occupied };
      if (isBusy) return { status: 409, error: "another backup is under way" };
      isBusy = true;
      const free = (): void => {
        isBusy = false;
      };
      return { stream: linesOf(storage, path, free) };
    },
  };
}

async function* linesOf(
  storage: Storage,
  path: string,
  free: () => void,
): AsyncGenerator<Uint8Array> {
  let latest: CopyProgress = { step: "tree", count: 0 };
  let isGone = false;
  let outcome: BackupLine | undefined;
  const writing = writeBackup(storage, path, (progress) => {
    if (isGone) throw new StorageError("io", "whoever asked for the backup has gone");
    latest = progress;
  })
    .then(
      (copy) => {
        outcome = { backup: summary(copy) };
      },
      (error: unknown) => {
        outcome = { error: error instanceof Error ? error.message : String(error) };
      },
    )
    .finally(free);
  try {
    while (outcome === undefined) {
      yield line(latest);
      await Promise.race([writing, new Promise((resolve) => setTimeout(resolve, PROGRESS_MS))]);
    }
    yield line(outcome);
  } finally {
    isGone = true;
  }
}

/** What a backup holds, in one line. */
export function summary({ tree, txnCount }: RecoveredTree): string {
  const { nodeCount, sessions, lastZxid } = tree;
  const held = `${nodeCount} znodes, ${sessions.size} sessions, ${txnCount} transactions of log`;
  return `${held}; tree digest ${digestText(tree)} at zxid ${formatZxid(lastZxid)}`;
}

function line(value: BackupLine): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(value)}\n`);
}
