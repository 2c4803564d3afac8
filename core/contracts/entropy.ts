import { type Token, token } from "./token.ts";

/** The only source of randomness for kernel, server, client and drivers. */
export interface Entropy {
  /** A uniform integer from 0 to 2^32 - 1; not for secrets. */
  uint32(): number;
  /** Fills `target` with bytes fit for nonces and passwords. */
  fill(target: Uint8Array): void;
}

/** Single. */
export const ENTROPY: Token<Entropy> = token("entropy");
