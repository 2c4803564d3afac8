import { setFlagsFromString } from "node:v8";

/**
 * Bytecode that V8 may inline into one function, bytes; 920 by default. A request passes through
 * more small functions than that holds, and those left out are called one by one.
 */
const INLINED_BYTES = 8_000;

/** Tunes the engine for a server. */
export function tuneEngine(): void {
  if ("Bun" in globalThis) return; // Its engine is another one.
  setFlagsFromString(`--max-inlined-bytecode-size-cumulative=${INLINED_BYTES}`);
}
