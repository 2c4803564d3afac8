import { createHash, getHashes } from "node:crypto";
import { AUTH_PROVIDER, type AuthProvider } from "../../core/contracts/auth.ts";
import type { Outcome } from "../../core/errors/zk_error.ts";
import type { Plugin } from "../../core/kernel/plugin.ts";
import type { Id } from "../../core/wire/records.ts";

/** Settings of the scheme `digest`. */
export interface DigestOptions {
  /**
   * `user:base64(hash(user:password))`: who logs in as this may do anything
   * (`zookeeper.DigestAuthenticationProvider.superDigest`). Nobody when it is not given.
   */
  readonly superDigest?: string;
  /** Hash by its Java or OpenSSL name: `SHA1` (when it is not given), `SHA-256`, `SHA3-256`. */
  readonly algorithm?: string;
}

/**
 * User and password, known by their hash (CP 6.2; `DigestAuthenticationProvider` in Apache
 * ZooKeeper). Passwords cross the network as they are: use it over an encrypted transport.
 */
export class DigestAuth implements AuthProvider {
  readonly scheme = "digest";
  readonly expandsAuth = true;
  readonly #superDigest: string | undefined;
  readonly #algorithm: string;

  /** @throws {RangeError} naming a hash that this machine does not have. */
  constructor(options: DigestOptions = {}) {
    this.#superDigest = options.superDigest;
    this.#algorithm = hashName(options.algorithm ?? "SHA1");
  }

  identify(): readonly Id[] {
    return [];
  }

  authenticate(data: Uint8Array): Outcome<readonly Id[]> {
    const id = this.digestOf(new TextDecoder().decode(data));
    const digest: Id = { scheme: "digest", id };
    if (id !== this.#superDigest) return { ok: true, value: [digest] };
    return { ok: true, value: [{ scheme: "super", id: "" }, digest] };
  }

  /** `user:base64(hash)` of `user:password`; the user ends at the first colon. */
  digestOf(userAndPassword: string): string {
    const [user = ""] = userAndPassword.split(":", 1);
    const hash = createHash(this.#algorithm).update(userAndPassword, "utf8").digest("base64");
    return `${user}:${hash}`;
  }

  isValid(id: string): boolean {
    // Java's split drops empty parts at the end: "a:" is no digest, ":b" and "a:b:" are.
    // A loop: the expression /:+$/ takes quadratic time on colons that are not at the end.
    let end = id.length;
    while (end > 0 && id.charCodeAt(end - 1) === COLON) end -= 1;
    return id.slice(0, end).split(":", 3).length === 2;
  }

  matches(connectionId: string, aclId: string): boolean {
    return connectionId === aclId;
  }

  userName(id: string): string {
    return id.split(":", 1)[0] ?? "";
  }
}

const COLON = 0x3a;

function hashName(given: string): string {
  const lower = given.toLowerCase();
  // Java writes SHA-256 and SHA-512/256 where OpenSSL has sha256 and sha512-256.
  const name = lower.replace(/^sha-/, "sha").replace("/", "-");
  const known = getHashes().find((hash) => hash.toLowerCase() === name);
  if (known === undefined) throw new RangeError(`unknown digest algorithm ${given}`);
  return known;
}

/**
 * Fills the authentication contract with the scheme `digest`.
 *
 * @throws {RangeError} naming a hash that this machine does not have.
 */
export function digestAuth(options: DigestOptions = {}): Plugin {
  const provider = new DigestAuth(options);
  return {
    name: "digest-auth",
    provides: [AUTH_PROVIDER],
    requires: [],
    register: (container) => container.value(AUTH_PROVIDER, provider),
  };
}
