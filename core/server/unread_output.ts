import type { Connection } from "../contracts/transport.ts";
import type { JuteWriter } from "../wire/jute.ts";
import type { ServerContext } from "./context.ts";

/** No number of bytes: the first answer is 0. */
const NOT_ASKED = -1;

/** Notices a client that takes nothing of the output that waits for it. */
export class UnreadOutput {
  #bytes = NOT_ASKED;
  #sinceMs = 0;

  /**
   * For how long `bufferedBytes` has not changed, ms. To be asked now and then while the transport
   * wants no more: what changes in between counts as progress.
   */
  waitedMs(now: number, bufferedBytes: number): number {
    if (bufferedBytes !== this.#bytes) this.#sinceMs = now;
    this.#bytes = bufferedBytes;
    return now - this.#sinceMs;
  }

  /** The transport has sent everything. */
  sent(): void {
    this.#bytes = NOT_ASKED;
  }
}

/** What {@link hasSpace} looks at. */
interface Receiver {
  readonly transport: Connection;
  readonly pending: JuteWriter | undefined;
  destroy(): void;
}

/** Whether a connection may get more output; one with too much unsent is closed (D20). */
export function hasSpace(connection: Receiver, { options, logger }: ServerContext): boolean {
  const { transport, pending } = connection;
  const unsentBytes = transport.bufferedBytes + (pending?.length ?? 0);
  if (unsentBytes <= options.unsentBytesMax) return true;
  const client = transport.peer.address;
  logger.warn("closing a connection: client does not read what it is sent", {
    client,
    unsentBytes,
  });
  connection.destroy();
  return false;
}
