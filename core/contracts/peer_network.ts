import { type Token, token } from "./token.ts";
import type { Accept, ByteSink, Connection } from "./transport.ts";

/** Where a server of the ensemble is reached. */
export interface PeerAddress {
  /** A name, resolved anew at every attempt, or an IP address without brackets. */
  readonly host: string;
  readonly port: number;
}

/** Listens for other servers on one address. */
export interface PeerListener {
  /** The port it listens on: the one asked for, or a free one if that was 0. */
  readonly port: number;
  /** Stops listening; connections that exist are their users' to close. Never rejects. */
  close(): Promise<void>;
}

/**
 * How servers of an ensemble reach one another: ordered streams of bytes, dialled and accepted, on
 * as many ports as their user likes. Connections keep the rules of {@link Connection} and
 * {@link ByteSink}; their `peer.certificateSubject` is set where the network checks certificates.
 * What is written waits without a bound in the connection: users look at `bufferedBytes`.
 */
export interface PeerNetwork {
  /**
   * Begins to listen. `accept` gets each connection and returns the sink for its bytes, or
   * undefined to refuse it.
   *
   * @throws {TransportError} `address-in-use` or `io`, naming the address.
   */
  listen(at: PeerAddress, accept: Accept): Promise<PeerListener>;
  /**
   * Connects, and hands bytes to the sink that `open` returns. `open` is called exactly once,
   * before the promise resolves, and only if it does.
   *
   * @param timeoutMs how long resolving and connecting may take in all, above 0.
   * @throws {TransportError} `refused`, `unreachable` (a time-out too) or `io`.
   */
  dial(
    to: PeerAddress,
    timeoutMs: number,
    open: (connection: Connection) => ByteSink,
  ): Promise<void>;
}

/** Single. */
export const PEER_NETWORK: Token<PeerNetwork> = token("peer-network");
