import type { SaslStep } from "../contracts/auth.ts";
import { type ErrorName, type Outcome, ZkError } from "../errors/zk_error.ts";
import { getInt, JuteReader, putInt } from "../wire/jute.ts";
import { addIdentities } from "./authenticate.ts";
import type { ClientConnection } from "./connection.ts";
import type { ServerContext } from "./context.ts";
import { beginReply, endReply } from "./reply.ts";

/**
 * Executes the SASL packet in `bytes[start..end)`: answers with the server's token and adds
 * identities when the exchange is over, or answers `AuthFailed` with a null token and closes. Where
 * no SASL is configured, the token is null and nothing changes. Replies carry zxid 0 (CP 7).
 */
export function answerSasl(
  context: ServerContext,
  connection: ClientConnection,
  bytes: Uint8Array,
  start: number,
  end: number,
): void {
  const outcome = converse(context, connection, new JuteReader(bytes, start + 8, end));
  const token = outcome?.ok === true ? outcome.value.token : null;
  const error = outcome?.ok === false ? errorOf(context) : undefined;
  const [xid, type] = [getInt(bytes, start), getInt(bytes, start + 4)];
  const out = context.output.open(connection);
  const at = beginReply(out, xid, 0);
  endReply(out, at, error);
  out.buffer(token); // Unlike others, this reply has its body with an error too.
  putInt(out.bytes, at, out.length - at - 4);
  connection.answered(type, xid, out.length - at);
  if (outcome?.ok === true) addIdentities(connection, outcome.value.gained ?? []);
  if (outcome?.ok !== false) return;
  context.statistics.authFailed.value += 1;
  context.logger.warn("SASL authentication failed", { client: connection.transport.peer.address });
  if (error !== undefined) connection.close();
}

/** Undefined when this server has no SASL. */
function converse(
  context: ServerContext,
  connection: ClientConnection,
  reader: JuteReader,
): Outcome<SaslStep> | undefined {
  const exchange = context.saslExchanges.get(connection) ?? context.permissions.beginSasl();
  if (exchange === undefined) return undefined;
  context.saslExchanges.set(connection, exchange);
  try {
    // Kazoo writes an empty token as null (CP 16).
    return exchange.step(reader.buffer() ?? NOTHING);
  } catch (error) {
    if (!(error instanceof ZkError) || error.kind !== "MarshallingError") throw error;
    return { ok: false, error: "AuthFailed" };
  }
}

/** With SASL mandatory, a failed login is answered like none. Undefined lets the client stay. */
function errorOf({ options }: ServerContext): ErrorName | undefined {
  if (options.enforceAuthSchemes.includes("sasl")) return "SessionClosedRequireSaslAuth";
  return options.allowSaslFailedClients ? undefined : "AuthFailed";
}

const NOTHING = new Uint8Array(0);
