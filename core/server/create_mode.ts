import type { ErrorName } from "../errors/zk_error.ts";
import { TTL_MS_MAX } from "../tree/owner.ts";
import { OPCODES } from "../wire/opcodes.ts";

/** What a create flag asks for (`CreateMode` in Apache ZooKeeper). */
export interface CreateMode {
  readonly ephemeral: boolean;
  readonly sequential: boolean;
  readonly container: boolean;
  readonly ttl: boolean;
}

const PLAIN = { ephemeral: false, sequential: false, container: false, ttl: false };
/** By flag. */
export const CREATE_MODES: readonly CreateMode[] = [
  PLAIN,
  { ...PLAIN, ephemeral: true },
  { ...PLAIN, sequential: true },
  { ...PLAIN, ephemeral: true, sequential: true },
  { ...PLAIN, container: true },
  { ...PLAIN, ttl: true },
  { ...PLAIN, sequential: true, ttl: true },
];

/** Type of the transaction that a create becomes. */
export function createType(opcode: number, mode: CreateMode, inMulti: boolean): number {
  // Inside a multi the flag decides, alone the opcode (CP 3.2, 4.1): a create2 is a create there,
  // since Apache's servers before 3.8.2 cannot apply another one and would go on without it.
  if (!inMulti) return opcode;
  if (mode.container) return OPCODES.createContainer;
  return mode.ttl ? OPCODES.createTtl : OPCODES.create;
}

/**
 * Whether a create inside of a multi can be read at all; the whole multi is unreadable if not: a
 * time to live has its own opcode there. A flag that does not exist fails the operation alone.
 */
export function isReadableInMulti(opcode: number, flags: number): boolean {
  return opcode === OPCODES.createTtl || CREATE_MODES[flags]?.ttl !== true;
}

/** Whether a mode is allowed with a time to live; -1 stands for none. */
export function refuseMode(
  mode: CreateMode,
  ttlMs: number,
  extendedTypesEnabled: boolean,
): ErrorName | undefined {
  if (!mode.ttl) return ttlMs >= 0 || ttlMs < -1 ? "BadArguments" : undefined;
  if (!extendedTypesEnabled) return "Unimplemented";
  return ttlMs < 1 || ttlMs > TTL_MS_MAX ? "BadArguments" : undefined;
}
