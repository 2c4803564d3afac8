import type { ErrorName } from "../errors/zk_error.ts";
import type { ClientConnection } from "./connection.ts";
import type { ServerContext } from "./context.ts";
import { beginReply, endReply } from "./reply.ts";

/** Answers a request that no server may execute, then closes; the reply carries zxid -1 (CP 1). */
export function refuse(
  context: ServerContext,
  connection: ClientConnection,
  xid: number,
  error: ErrorName,
): void {
  const out = context.output.open(connection);
  const at = beginReply(out, xid, -1);
  endReply(out, at, error);
  connection.answered(0, xid, out.length - at);
  connection.close();
}
