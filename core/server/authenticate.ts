import { ZkError } from "../errors/zk_error.ts";
import { getInt, JuteReader } from "../wire/jute.ts";
import type { Id } from "../wire/records.ts";
import type { ClientConnection } from "./connection.ts";
import type { ServerContext } from "./context.ts";
import { answerBare } from "./reply.ts";

/** Identities one connection may gather; more are refused like a wrong password. */
const IDS_MAX = 1000;
/** Characters of all of them together. */
const ID_CHARACTERS_MAX = 64 * 1024;

/**
 * Executes the auth packet in `bytes[start..end)`: adds identities, or answers `AuthFailed` and
 * closes. Replies carry zxid 0 (CP 6.4).
 */
export function authenticate(
  context: ServerContext,
  connection: ClientConnection,
  bytes: Uint8Array,
  start: number,
  end: number,
): void {
  const gained = identities(context, connection, new JuteReader(bytes, start + 8, end));
  const request = { type: getInt(bytes, start + 4), xid: getInt(bytes, start), zxid: 0 };
  answerBare(context.output, connection, request, gained === undefined ? "AuthFailed" : undefined);
  if (gained === undefined) {
    context.statistics.authFailed.value += 1;
    context.logger.warn("authentication failed", { client: connection.transport.peer.address });
    connection.close();
    return;
  }
  addIdentities(connection, gained);
}

/** Adds those that the connection does not have. */
export function addIdentities(connection: ClientConnection, gained: readonly Id[]): void {
  const isNew = ({ scheme, id }: Id): boolean =>
    !connection.ids.some((known) => known.scheme === scheme && known.id === id);
  connection.ids = [...connection.ids, ...gained.filter(isNew)];
}

function identities(
  context: ServerContext,
  connection: ClientConnection,
  reader: JuteReader,
): readonly Id[] | undefined {
  try {
    reader.int();
    const provider = context.permissions.providers.get(reader.text());
    const data = reader.buffer();
    if (provider === undefined || data === null || connection.ids.length >= IDS_MAX) {
      return undefined;
    }
    const outcome = provider.authenticate(data, connection.transport.peer);
    if (!outcome.ok) return undefined;
    return characters([...connection.ids, ...outcome.value]) > ID_CHARACTERS_MAX
      ? undefined
      : outcome.value;
  } catch (error) {
    if (error instanceof ZkError && error.kind === "MarshallingError") return undefined;
    throw error;
  }
}

function characters(ids: readonly Id[]): number {
  return ids.reduce((sum, { id }) => sum + id.length, 0);
}
