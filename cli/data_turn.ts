import type { AdminReply } from "../core/contracts/admin.ts";

/** Which command reads or replaces all data at the moment: one at a time. */
export interface DataTurn {
  holder: "backup" | "snapshot" | "restore" | undefined;
}

/** The answer to whoever must wait for another command. */
export function heldBy({ holder }: DataTurn): AdminReply {
  return { status: 409, error: `another ${holder} is under way` };
}

/** Between two slices of a tree: lets clients have their turn. */
export function pause(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
