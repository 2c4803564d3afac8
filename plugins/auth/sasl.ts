import {
  AUTH_PROVIDER,
  type AuthProvider,
  type SaslExchange,
  type SaslStep,
} from "../../core/contracts/auth.ts";
import { ENTROPY, type Entropy } from "../../core/contracts/entropy.ts";
import type { Outcome } from "../../core/errors/zk_error.ts";
import type { Plugin } from "../../core/kernel/plugin.ts";
import {
  digestProof,
  FIRST_USE,
  formatDirectives,
  hex,
  parseDirectives,
  quoted,
  SASL_REALM,
  SASL_URI,
} from "../../core/wire/digest_md5.ts";
import type { Id } from "../../core/wire/records.ts";

/** Who may log in by SASL. */
export interface SaslDigestMd5Options {
  /** Passwords by user. */
  readonly users: Readonly<Record<string, string>>;
  /** Users who may do anything (`zookeeper.superUser`). Nobody when it is not given. */
  readonly superUsers?: readonly string[] | undefined;
  /**
   * Password of the user `super`, whatever `users` says
   * (`zookeeper.SASLAuthenticationProvider.superPassword`).
   */
  readonly superPassword?: string | undefined;
  /** Id of an ACL that means every user who has logged in (`zookeeper.letAnySaslUserDoX`). */
  readonly anyUser?: string | undefined;
}

/** Random bytes of a nonce. */
const NONCE_BYTES = 24;

/**
 * User and password by SASL DIGEST-MD5: the password does not cross the network, and the server
 * proves that it knows it too (CP 7; `SASLAuthenticationProvider` in Apache ZooKeeper). MD5 is old:
 * use it over an encrypted transport.
 */
export class SaslDigestMd5 implements AuthProvider {
  readonly scheme = "sasl";
  readonly expandsAuth = true;
  readonly #entropy: Entropy;
  readonly #passwords: ReadonlyMap<string, string>;
  readonly #superUsers: ReadonlySet<string>;
  readonly #anyUser: string | undefined;

  constructor(entropy: Entropy, options: SaslDigestMd5Options) {
    const passwords = new Map(Object.entries(options.users));
    if (options.superPassword !== undefined) passwords.set(SUPER, options.superPassword);
    this.#entropy = entropy;
    this.#passwords = passwords;
    this.#superUsers = new Set(options.superUsers);
    this.#anyUser = options.anyUser;
  }

  identify(): readonly Id[] {
    return [];
  }

  /** Refused: the way in is a SASL exchange. */
  authenticate(): Outcome<readonly Id[]> {
    return FAILED;
  }

  beginSasl(): SaslExchange {
    const nonce = new Uint8Array(NONCE_BYTES);
    this.#entropy.fill(nonce);
    return new Exchange(hex(nonce), {
      passwordOf: (user) => this.#passwords.get(user),
      idsOf: (user) => this.#idsOf(user),
    });
  }

  /** Any name, also one of Kerberos with instance and realm. */
  isValid(id: string): boolean {
    return !id.includes("@") || /^[^/@]*(\/[^/@]*)?@[^/@]*$/.test(id);
  }

  /** The user `super` is meant by every id. */
  matches(connectionId: string, aclId: string): boolean {
    return connectionId === SUPER || connectionId === aclId || aclId === this.#anyUser;
  }

  userName(id: string): string {
    return id;
  }

  #idsOf(user: string): readonly Id[] {
    const own: Id = { scheme: "sasl", id: user };
    return this.#superUsers.has(user) ? [own, { scheme: "super", id: "" }] : [own];
  }
}

const SUPER = "super";
const FAILED = { ok: false, error: "AuthFailed" } as const;

interface Accounts {
  passwordOf(user: string): string | undefined;
  idsOf(user: string): readonly Id[];
}

/** One login: an empty token, the challenge, the client's proof, the server's. Nothing after it. */
class Exchange implements SaslExchange {
  readonly #nonce: string;
  readonly #accounts: Accounts;
  #state: "new" | "challenged" | "over" = "new";

  constructor(nonce: string, accounts: Accounts) {
    this.#nonce = nonce;
    this.#accounts = accounts;
  }

  step(token: Uint8Array): Outcome<SaslStep> {
    const state = this.#state;
    this.#state = "over";
    if (state === "challenged") return this.#finish(token);
    if (state === "over" || token.length > 0) return FAILED;
    this.#state = "challenged";
    const challenge = formatDirectives([
      ["realm", quoted(SASL_REALM)],
      ["nonce", quoted(this.#nonce)],
      ["charset", "utf-8"],
      ["algorithm", "md5-sess"],
    ]);
    return { ok: true, value: { token: challenge, gained: undefined } };
  }

  #finish(token: Uint8Array): Outcome<SaslStep> {
    const said = parseDirectives(token);
    const username = said?.get("username");
    const cnonce = said?.get("cnonce");
    if (said === undefined || username === undefined || !cnonce || !this.#agrees(said)) {
      return FAILED;
    }
    const authzid = said.get("authzid");
    const password = this.#accounts.passwordOf(username);
    // Nobody may act for somebody else.
    if (password === undefined || (authzid !== undefined && authzid !== username)) return FAILED;
    const uri = said.get("digest-uri") ?? "";
    const login = { username, password, realm: SASL_REALM, nonce: this.#nonce, cnonce, uri };
    // A plain comparison: a nonce allows one attempt, so that its time tells nothing.
    if (said.get("response") !== digestProof({ ...login, authzid }, "client")) return FAILED;
    const proof = formatDirectives([["rspauth", digestProof({ ...login, authzid }, "server")]]);
    return { ok: true, value: { token: proof, gained: this.#accounts.idsOf(username) } };
  }

  #agrees(said: ReadonlyMap<string, string>): boolean {
    return (
      said.get("realm") === SASL_REALM &&
      said.get("nonce") === this.#nonce &&
      said.get("nc") === FIRST_USE &&
      said.get("digest-uri")?.toLowerCase() === SASL_URI &&
      (said.get("qop") ?? "auth") === "auth"
    );
  }
}

/** Fills the authentication contract with the scheme `sasl`, by the mechanism DIGEST-MD5. */
export function saslDigestMd5(options: SaslDigestMd5Options): Plugin {
  return {
    name: "sasl-digest-md5",
    provides: [AUTH_PROVIDER],
    requires: [ENTROPY],
    register: (container) => {
      const make = (): AuthProvider => new SaslDigestMd5(container.get(ENTROPY), options);
      container.provide(AUTH_PROVIDER, make);
    },
  };
}
