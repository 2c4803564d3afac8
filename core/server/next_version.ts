const INT_MAX = 0x7fff_ffff;

/**
 * The version after `version`. -1 means "any version" in requests, so a counter that wraps skips it
 * (ZOOKEEPER-4743).
 */
export function nextVersion(version: number): number {
  const next = version === INT_MAX ? -INT_MAX - 1 : version + 1;
  return next === -1 ? 0 : next;
}
