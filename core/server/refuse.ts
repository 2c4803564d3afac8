import type { ErrorName } from "../errors/zk_error.ts";
import type { ClientConnection } from "./connection.ts";
import type { ServerContext } from "./context.ts";
import { answerBare } from "./reply.ts";

/**
 * Answers a request that is not executed whatever is in it, then closes. The reply carries zxid -1
 * where no server may execute it, and 0 where this client may not yet (CP 1, CP 6.4).
 */
export function refuse(
  context: ServerContext,
  connection: ClientConnection,
  xid: number,
  error: Extract<ErrorName, "Unimplemented" | "SessionClosedRequireSaslAuth">,
): void {
  const zxid = error === "Unimplemented" ? -1 : 0;
  answerBare(context.output, connection, { type: 0, xid, zxid }, error);
  connection.close();
}
