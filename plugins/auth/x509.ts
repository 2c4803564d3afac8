import { AUTH_PROVIDER, type AuthProvider } from "../../core/contracts/auth.ts";
import type { Peer } from "../../core/contracts/transport.ts";
import type { Outcome } from "../../core/errors/zk_error.ts";
import type { Plugin } from "../../core/kernel/plugin.ts";
import type { Id } from "../../core/wire/records.ts";

/** Settings of the scheme `x509`. */
export interface X509Options {
  /**
   * Subject of the certificate whose owner may do anything, as RFC 2253 text
   * (`X509AuthenticationProvider.superUser`). Nobody when it is not given.
   */
  readonly superUser?: string | undefined;
}

/**
 * Clients by the subject of the certificate that they showed at the TLS handshake, as RFC 2253 text
 * (CP 6.2; `X509AuthenticationProvider` in Apache ZooKeeper). The transport has verified it.
 */
export class X509Auth implements AuthProvider {
  readonly scheme = "x509";
  readonly expandsAuth = true;
  readonly #superUser: string | undefined;

  constructor(options: X509Options = {}) {
    this.#superUser = options.superUser;
  }

  identify({ certificateSubject: subject }: Peer): readonly Id[] {
    // Without a subject two strangers would be one.
    if (subject === undefined || subject === "") return [];
    const own: Id = { scheme: "x509", id: subject };
    return subject === this.#superUser ? [{ scheme: "super", id: "" }, own] : [own];
  }

  authenticate(_data: Uint8Array, peer: Peer): Outcome<readonly Id[]> {
    const ids = this.identify(peer);
    return ids.length === 0 ? { ok: false, error: "AuthFailed" } : { ok: true, value: ids };
  }

  isValid(id: string): boolean {
    return isDistinguishedName(id);
  }

  matches(connectionId: string, aclId: string): boolean {
    return connectionId === aclId;
  }

  userName(id: string): string {
    return id;
  }
}

/** Names of attributes that Java knows (`X500Principal`), besides dotted numbers. */
const ATTRIBUTES: ReadonlySet<string> = new Set(
  (
    "CN C L S ST O OU T IP STREET DC DNQUALIFIER DNQ SURNAME GIVENNAME INITIALS GENERATION " +
    "EMAIL EMAILADDRESS UID SERIALNUMBER"
  ).split(" "),
);
const NUMBER = /^(?:OID\.)?\d+(?:\.\d+)+$/;
/** One `name=value`, up to what parts it from the next: quoted, hexadecimal, or with escapes. */
const ATTRIBUTE = new RegExp(
  String.raw`\s*([A-Za-z\d.]+)\s*=\s*` +
    String.raw`(?:"(?:[^"\\]|\\.)*"|#(?:[\dA-Fa-f]{2})+|(?:[^,;+"\\<>=#]|\\.)*)(?=[,;+]|$)`,
  "y",
);

/** Whether `text` is a name as RFC 2253 or its predecessor RFC 1779 write it; "" is one. */
function isDistinguishedName(text: string): boolean {
  if (text.trim() === "") return true;
  for (let at = 0; ; at += 1) {
    ATTRIBUTE.lastIndex = at;
    const name = ATTRIBUTE.exec(text)?.[1]?.toUpperCase();
    if (name === undefined || !(ATTRIBUTES.has(name) || NUMBER.test(name))) return false;
    at = ATTRIBUTE.lastIndex;
    if (at === text.length) return true;
  }
}

/** Fills the authentication contract with the scheme `x509`. */
export function x509Auth(options: X509Options = {}): Plugin {
  const provider = new X509Auth(options);
  return {
    name: "x509-auth",
    provides: [AUTH_PROVIDER],
    requires: [],
    register: (container) => container.value(AUTH_PROVIDER, provider),
  };
}
