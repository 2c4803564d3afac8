import type { ServerInspection } from "../../core/contracts/inspection.ts";

/** Kept for tools that set it: nothing here is traced by it. 306 is Apache's default. */
export interface TraceMask {
  mask: bigint;
}

const MASKS = new WeakMap<ServerInspection, TraceMask>();

/** The one mask of a server, whichever way it is asked for. */
export function traceMaskOf(server: ServerInspection): TraceMask {
  let mask = MASKS.get(server);
  if (mask === undefined) {
    mask = { mask: 306n };
    MASKS.set(server, mask);
  }
  return mask;
}
