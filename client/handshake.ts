import { type JuteReader, JuteWriter } from "../core/wire/jute.ts";
import {
  type ConnectResponse,
  readConnectResponse,
  writeConnectRequest,
} from "../core/wire/records.ts";
import { NO_SESSION, type SessionId } from "../core/wire/session_id.ts";
import type { Zxid } from "../core/wire/zxid.ts";

const PASSWORD_BYTES = 16;
/** A ConnectResponse without its last byte, which old servers leave out. */
const RESPONSE_BYTES_MIN = 36;

/** A session as the client keeps it to re-attach. */
export interface HeldSession {
  readonly id: SessionId;
  readonly password: Uint8Array;
}

/** No session: the server gives one. */
export const FRESH_SESSION: HeldSession = {
  id: NO_SESSION,
  password: new Uint8Array(PASSWORD_BYTES),
};

/** The first frame of a connection, its length included. */
export function connectFrame(
  session: HeldSession,
  lastZxidSeen: Zxid,
  wanted: { readonly timeoutMs: number; readonly readOnly: boolean },
): Uint8Array {
  const writer = new JuteWriter(64);
  writer.int(0);
  writeConnectRequest(writer, {
    protocolVersion: 0,
    lastZxidSeen,
    timeoutMs: wanted.timeoutMs,
    sessionId: session.id,
    password: session.password,
    readOnly: wanted.readOnly,
  });
  writer.intAt(0, writer.length - 4);
  return writer.copy();
}

/**
 * Reads the first frame of a server. A read-only server without local sessions answers with a bare
 * reply header instead (CP 13).
 *
 * @throws {Error} when it is no ConnectResponse.
 */
export function readConnectFrame(reader: JuteReader): ConnectResponse {
  if (reader.remaining < RESPONSE_BYTES_MIN) throw new Error("the server refused the connection");
  return readConnectResponse(reader);
}
