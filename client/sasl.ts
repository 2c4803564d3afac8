import type { Entropy } from "../core/contracts/entropy.ts";
import {
  digestProof,
  FIRST_USE,
  formatDirectives,
  hex,
  parseDirectives,
  quoted,
  SASL_REALM,
  SASL_URI,
} from "../core/wire/digest_md5.ts";
import { type JuteReader, JuteWriter } from "../core/wire/jute.ts";
import { OPCODES } from "../core/wire/opcodes.ts";

/** User and password for a login by SASL DIGEST-MD5. */
export interface SaslCredentials {
  readonly username: string;
  /** Stays here: what is sent proves that it is known. */
  readonly password: string;
}

const CNONCE_BYTES = 24;
/** Of the two requests of a login, which is over before the session counts its own from 1. */
const XIDS = { hello: 1, proof: 2 } as const;

/** One login on one connection: its frames out, its replies in (CP 7; RFC 2831). */
export class SaslLogin {
  readonly #credentials: SaslCredentials;
  readonly #cnonce: string;
  /** What the server must say in the end; undefined before its challenge. */
  #expected: string | undefined;

  constructor(credentials: SaslCredentials, entropy: Entropy) {
    const cnonce = new Uint8Array(CNONCE_BYTES);
    entropy.fill(cnonce);
    this.#credentials = credentials;
    this.#cnonce = hex(cnonce);
  }

  /** The first frame, its length included. */
  begin(): Uint8Array {
    return saslFrame(XIDS.hello, new Uint8Array(0));
  }

  /**
   * Takes a reply; the reader stands behind the header.
   *
   * @returns the next frame, or how it ended.
   */
  replied(code: number, reader: JuteReader): Uint8Array | "proved" | "refused" {
    // No token: the server does not speak SASL, or lets who failed stay as nobody.
    const token = code === 0 ? reader.buffer() : null;
    const said = token === null ? undefined : parseDirectives(token);
    if (said === undefined) return "refused";
    if (this.#expected !== undefined) {
      return said.get("rspauth") === this.#expected ? "proved" : "refused";
    }
    const nonce = said.get("nonce");
    return nonce === undefined ? "refused" : this.#prove(said.get("realm") ?? SASL_REALM, nonce);
  }

  #prove(realm: string, nonce: string): Uint8Array {
    const cnonce = this.#cnonce;
    const login = { ...this.#credentials, realm, nonce, cnonce, uri: SASL_URI };
    this.#expected = digestProof(login, "server");
    const token = formatDirectives([
      ["charset", "utf-8"],
      ["username", quoted(login.username)],
      ["realm", quoted(realm)],
      ["nonce", quoted(nonce)],
      ["nc", FIRST_USE],
      ["cnonce", quoted(cnonce)],
      ["digest-uri", quoted(SASL_URI)],
      ["response", digestProof(login, "client")],
      ["qop", "auth"],
    ]);
    return saslFrame(XIDS.proof, token);
  }
}

function saslFrame(xid: number, token: Uint8Array): Uint8Array {
  const writer = new JuteWriter(64);
  writer.int(0);
  writer.int(xid);
  writer.int(OPCODES.sasl);
  writer.buffer(token);
  writer.intAt(0, writer.length - 4);
  return writer.copy();
}
