import { type Token, token } from "./token.ts";

/** Who is at the other end of a connection. */
export interface Peer {
  /** IP address as text, or a name where there is none (`in-process`). */
  readonly address: string;
  /** 0 where there is none. */
  readonly port: number;
  /** True when the bytes are encrypted. */
  readonly secure: boolean;
  /** Subject of the verified client certificate, as RFC 2253 text; undefined without one. */
  readonly certificateSubject: string | undefined;
}

/**
 * What a connection's user does with its bytes. Calls come one at a time and never from within a
 * call of the user's on the connection, except that {@link Connection.destroy} may call `closed`.
 */
export interface ByteSink {
  /** Bytes in order, at least one. Valid during the call only: keep a copy. */
  chunk(bytes: Uint8Array): void;
  /** All that {@link Connection.write} returned false for has left. */
  writable(): void;
  /** The other side will send no more; it may still read. */
  ended(): void;
  /** The last call; comes exactly once, whoever closed. */
  closed(): void;
}

/**
 * An ordered stream of bytes each way. Framing belongs to its user. Writes keep their order;
 * nothing is delivered after {@link destroy}.
 */
export interface Connection {
  readonly peer: Peer;
  /** Bytes given to {@link write} that have not left this process. */
  readonly bufferedBytes: number;
  /**
   * For bytes that go to many connections; left out where there is nothing to gain by it, and by
   * whoever puts something of its own in the place of {@link write}.
   */
  readonly fanOut?: FanOut | undefined;
  /**
   * Sends bytes; after {@link end} or {@link destroy} they are dropped.
   *
   * The caller may change `bytes` once {@link bufferedBytes} is 0 again, which it often is when
   * this returns: that is what lets one buffer serve all replies.
   *
   * @returns false: write no more until `writable()`. The bytes of this call are kept all the same.
   */
  write(bytes: Uint8Array): boolean;
  /** Closes after what was written has left (FIN). */
  end(): void;
  /** Closes at once and drops what was not sent. */
  destroy(): void;
  /** No more `chunk` after those under way, until {@link resume}. */
  pause(): void;
  resume(): void;
}

/** Of the connections of one transport: may use more than one thread for what goes to many. */
export interface FanOut {
  /**
   * May send `bytes` to connections ahead of their {@link Connection.write}, which must follow on
   * each before anything else of the caller's, beginning with the same bytes: what has been sent is
   * not sent again. All that is sent ahead has been sent when this returns. A connection that is
   * destroyed instead needs no write.
   *
   * @param connections that hold nothing back, each once.
   */
  sendAhead(connections: readonly Connection[], bytes: Uint8Array): void;
}

/**
 * Takes an incoming connection and says who gets its bytes, or refuses by returning undefined (the
 * transport then destroys it).
 */
export type Accept = (connection: Connection) => ByteSink | undefined;

/** Something that went wrong with the outside: a port in use, a peer that is not there. */
export class TransportError extends Error {
  override readonly name = "TransportError";
  readonly kind: "address-in-use" | "refused" | "unreachable" | "closed" | "io";

  constructor(kind: TransportError["kind"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

/** Listens for connections of one kind. */
export interface Transport {
  /** For messages and metrics: `tcp`, `websocket`, `memory`. */
  readonly name: string;
  /**
   * Begins to listen; called once.
   *
   * @throws {TransportError} `address-in-use` or `io`, naming the address.
   */
  listen(accept: Accept): Promise<void>;
  /** Where it listens, for a person (`127.0.0.1:2181`); empty before {@link listen}. */
  readonly address: string;
  /** The port it listens on, 0 before {@link listen} or where there are no ports. */
  readonly port: number;
  /** True when it lets in nobody who does not encrypt; operators see its port as a secure one. */
  readonly isEncrypted?: boolean;
  /** Connections that still shake hands, so that nobody has them yet; left out where none do. */
  readonly handshakeCount?: number;
  /** Stops listening; connections that exist are their users' to close. */
  close(): Promise<void>;
}

/** Many: each listens. */
export const TRANSPORT: Token<Transport> = token("transport");

/** Opens connections of one kind. */
export interface Dialer {
  /**
   * Connects, and hands bytes to the sink that `open` returns.
   *
   * @throws {TransportError} `refused`, `unreachable` or `io`; the signal's reason when aborted.
   */
  dial(open: (connection: Connection) => ByteSink, signal?: AbortSignal): Promise<Connection>;
}

/**
 * May take a new connection by its first bytes, before frames begin: four-letter words do. Asked
 * in binding order with exactly four bytes.
 */
export interface FirstBytes {
  /**
   * The sink for all bytes of the connection from the first on, or undefined to leave it alone.
   *
   * @param word the first four bytes; valid during the call only. They are not given to the sink.
   */
  claim(word: Uint8Array, connection: Connection): ByteSink | undefined;
}

/** Many. */
export const FIRST_BYTES: Token<FirstBytes> = token("first-bytes");
