import { isAbsolute } from "node:path";
import type { AdminCommand } from "../core/contracts/admin.ts";
import { type Storage, StorageError } from "../core/contracts/storage.ts";
import { formatZxid } from "../core/wire/zxid.ts";
import { type CopyProgress, digestText, type RecoveredTree } from "./copy_storage.ts";
import { type DataTurn, heldBy } from "./data_turn.ts";
import { findOccupied, writeBackup } from "./write_backup.ts";

/** Time between two lines of progress, which also show that somebody is still there, ms. */
const PROGRESS_MS = 500;

/** A line of the answer, in JSON. The last one has `backup`, `restored` or `error`. */
export interface AdminLine {
  readonly step?: CopyProgress["step"];
  readonly count?: number;
  /** What is in the finished backup, for people. */
  readonly backup?: string;
  /** What was in the backup that the server has now, for people. */
  readonly restored?: string;
  readonly error?: string;
}

/**
 * `POST /commands/backup?path=/new/folder`: the server writes a copy of its data to a folder of its
 * machine while it serves.
 */
export function backupCommand(storage: Storage, turn: DataTurn): AdminCommand {
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
      if (turn.holder !== undefined) return heldBy(turn);
      turn.holder = "backup";
      const free = (): void => {
        turn.holder = undefined;
      };
      return { stream: linesOf(storage, path, free) };
    },
  };
}

/** Begins at once, so that it ends, and frees its turn, also when nobody reads the lines. */
function linesOf(storage: Storage, path: string, free: () => void): AsyncGenerator<Uint8Array> {
  let latest: CopyProgress = { step: "tree", count: 0 };
  let isGone = false;
  let outcome: AdminLine | undefined;
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
  async function* lines(): AsyncGenerator<Uint8Array> {
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
  return lines();
}

/** What a backup holds, in one line. */
export function summary({ tree, txnCount }: RecoveredTree): string {
  const { nodeCount, sessions, lastZxid } = tree;
  const held = `${nodeCount} znodes, ${sessions.size} sessions, ${txnCount} transactions of log`;
  return `${held}; tree digest ${digestText(tree)} at zxid ${formatZxid(lastZxid)}`;
}

function line(value: AdminLine): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(value)}\n`);
}
