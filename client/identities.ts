import type { ErrorName } from "../core/errors/zk_error.ts";
import { JuteWriter } from "../core/wire/jute.ts";
import { OPCODES, XIDS } from "../core/wire/opcodes.ts";
import type { Link } from "./link.ts";
import type { AuthInfo } from "./options.ts";
import type { Request } from "./request.ts";

interface Identity {
  readonly frame: Uint8Array;
  /** Settled by the first reply; undefined for identities from the options. */
  request: Request<void> | undefined;
  /** The connection it was last sent on. */
  link: Link | undefined;
}

const ENCODER = new TextEncoder();

/** Text as UTF-8; bytes as they are. */
export function authBytes(data: string | Uint8Array): Uint8Array {
  return typeof data === "string" ? ENCODER.encode(data) : data;
}

/** The identities of a client: sent first on every connection, answered in order with xid -4. */
export class Identities {
  readonly #all: Identity[] = [];
  #unanswered: Identity[] = [];

  constructor(auth: readonly AuthInfo[]) {
    for (const { scheme, data } of auth) this.add(scheme, authBytes(data), undefined);
  }

  /** Remembers an identity. @returns its frame. */
  add(scheme: string, data: Uint8Array, request: Request<void> | undefined): Uint8Array {
    const frame = authFrame(scheme, data);
    this.#all.push({ frame, request, link: undefined });
    return frame;
  }

  /** Sends all on a new connection. */
  replay(link: Link): void {
    this.#unanswered = [];
    for (const identity of this.#all) this.#send(identity, link);
  }

  /** Sends the one that waited among the requests, unless a new connection has had it already. */
  send(request: Request<unknown>, link: Link): void {
    const identity = this.#all.find((known) => known.request === request);
    if (identity !== undefined && identity.link !== link) this.#send(identity, link);
  }

  /** Takes a reply. @returns false when the identity was refused. */
  replied(code: number): boolean {
    const request = this.#unanswered.shift()?.request;
    if (code !== 0) {
      request?.fail("AuthFailed");
      return false;
    }
    request?.succeed(undefined);
    return true;
  }

  /** Ends those that nobody has answered. */
  fail(kind: ErrorName): void {
    for (const { request } of this.#all) request?.fail(kind);
  }

  #send(identity: Identity, link: Link): void {
    identity.link = link;
    this.#unanswered.push(identity);
    link.send(identity.frame);
  }
}

function authFrame(scheme: string, data: Uint8Array): Uint8Array {
  const writer = new JuteWriter(64);
  writer.int(0);
  writer.int(XIDS.auth);
  writer.int(OPCODES.auth);
  writer.int(0);
  writer.string(scheme);
  writer.buffer(data);
  writer.intAt(0, writer.length - 4);
  return writer.copy();
}
