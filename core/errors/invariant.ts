/** A bug of ours: some state that the code rules out was seen. The server that meets it stops. */
export class InvariantError extends Error {
  override readonly name = "InvariantError";
}

/**
 * States what must be true here.
 *
 * @throws {InvariantError} when it is not; `message` names the thing and the value.
 */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}

/**
 * Closes an exhaustive `switch`: the compiler objects when a case is missing.
 *
 * @throws {InvariantError} always, should it be reached at run time.
 */
export function unreachable(value: never): never {
  throw new InvariantError(`unexpected value ${JSON.stringify(value)}`);
}
