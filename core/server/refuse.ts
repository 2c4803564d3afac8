import type { ErrorName } from "../errors/zk_error.ts";
import type { ClientConnection } from "./connection.ts";
import type { ServerContext } from "./context.ts";
import { answerBare } from "./reply.ts";

/** Answers a request that no server may execute, then closes; the reply carries zxid -1 (CP 1). */
export function refuse(
  context: ServerContext,
  connection: ClientConnection,
  xid: number,
  error: ErrorName,
): void {
  answerBare(context.output, connection, { type: 0, xid, zxid: -1 }, error);
  connection.close();
}
