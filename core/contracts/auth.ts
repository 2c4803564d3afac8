import type { Outcome } from "../errors/zk_error.ts";
import type { Id } from "../wire/records.ts";
import { type Token, token } from "./token.ts";
import type { Peer } from "./transport.ts";

/**
 * One authentication scheme: who a connection is, and what its ids in an ACL mean. Pure but for
 * hashing; every method returns at once. (`AuthenticationProvider` in Apache ZooKeeper.)
 */
export interface AuthProvider {
  /** Unique among the providers of a server: `digest`, `ip`, `x509`. */
  readonly scheme: string;
  /** Whether the ACL scheme `auth` stands for this scheme's ids of a connection (CP 6.3). */
  readonly expandsAuth: boolean;
  /** Identities that a connection has from the start. */
  identify(peer: Peer): readonly Id[];
  /**
   * Answers an auth packet: identities gained, or `AuthFailed`, after which the connection closes.
   */
  authenticate(data: Uint8Array, peer: Peer): Outcome<readonly Id[]>;
  /** Begins a login by SASL; only the one provider of a server that speaks it has this. */
  beginSasl?(): SaslExchange;
  /** Whether an ACL may hold `id`. */
  isValid(id: string): boolean;
  /** Whether a connection with `connectionId` is meant by an ACL's `aclId`. */
  matches(connectionId: string, aclId: string): boolean;
  /** What `whoAmI` shows for an identity: no secret part. */
  userName(id: string): string;
}

/** The login of one connection by SASL. */
export interface SaslExchange {
  /**
   * Answers the client's next token, which is empty where its mechanism has no first word.
   * `AuthFailed` for a wrong one, and for every one after that or after the last.
   */
  step(token: Uint8Array): Outcome<SaslStep>;
}

/** An answer to a client's SASL token. */
export interface SaslStep {
  readonly token: Uint8Array;
  /** Identities proved; undefined while the exchange goes on. */
  readonly gained: readonly Id[] | undefined;
}

/** Many. */
export const AUTH_PROVIDER: Token<AuthProvider> = token("auth-provider");
