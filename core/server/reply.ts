import { ERROR_CODES, type ErrorName } from "../errors/zk_error.ts";
import { STAT_BYTES, type Tree } from "../tree/tree.ts";
import { type JuteWriter, putInt } from "../wire/jute.ts";
import { type Zxid, zxidHigh, zxidLow } from "../wire/zxid.ts";
import type { ClientConnection } from "./connection.ts";
import type { Output } from "./output.ts";

/** Length, then ReplyHeader: xid, zxid, err. */
export const REPLY_HEADER_BYTES = 20;

/** Starts a reply. @returns what {@link endReply} wants; the body is appended in between. */
export function beginReply(out: JuteWriter, xid: number, zxid: Zxid): number {
  const at = out.reserve(REPLY_HEADER_BYTES);
  const { bytes } = out;
  putInt(bytes, at + 4, xid);
  putInt(bytes, at + 8, zxidHigh(zxid));
  putInt(bytes, at + 12, zxidLow(zxid));
  return at;
}

/** Ends a reply. Hardly any error has a body: whoever has begun one cuts it off before. */
export function endReply(out: JuteWriter, at: number, error: ErrorName | undefined): void {
  putInt(out.bytes, at + 16, error === undefined ? 0 : ERROR_CODES[error]);
  putInt(out.bytes, at, out.length - at - 4);
}

/** Answers a request of `connection` by a header and nothing else. */
export function answerBare(
  output: Output,
  connection: ClientConnection,
  request: { readonly type: number; readonly xid: number; readonly zxid: Zxid },
  error: ErrorName | undefined,
): void {
  const { type, xid, zxid } = request;
  const out = output.open(connection);
  const at = beginReply(out, xid, zxid);
  endReply(out, at, error);
  connection.answered(type, xid, out.length - at);
}

/** Appends the Stat of `node`. */
export function appendStat(out: JuteWriter, tree: Tree, node: number): void {
  const at = out.reserve(STAT_BYTES);
  tree.writeStat(node, out.bytes, at); // Not before: reserve() may have changed the buffer.
}
