import { createHash } from "node:crypto";

const REALM = "zk-sasl-md5";
const URI = `zookeeper/${REALM}`;
const CNONCE = "0123456789abcdef";

const md5 = (...parts: readonly (Buffer | string)[]): Buffer => {
  const hash = createHash("md5");
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/**
 * What a client says to the challenge of DIGEST-MD5 (RFC 2831, 2.1.2; reference section 7), in a
 * second, independent reading.
 *
 * @param identity is `user:password`.
 */
export function saslToken(identity: string, challenge: string): string {
  const [user = "", password = ""] = identity.split(":");
  const nonce = /nonce="([^"]*)"/.exec(challenge)?.[1] ?? "";
  const secret = md5(`${user}:${REALM}:${password}`);
  const a1 = md5(secret, `:${nonce}:${CNONCE}`).toString("hex");
  const a2 = md5(`AUTHENTICATE:${URI}`).toString("hex");
  const response = md5(`${a1}:${nonce}:00000001:${CNONCE}:auth:${a2}`).toString("hex");
  return [
    "charset=utf-8",
    `username="${user}"`,
    `realm="${REALM}"`,
    `nonce="${nonce}"`,
    "nc=00000001",
    `cnonce="${CNONCE}"`,
    `digest-uri="${URI}"`,
    "maxbuf=65536",
    `response=${response}`,
    "qop=auth",
  ].join(",");
}

/** The text of a token without what is new in every login. */
export function withoutChance(token: string): string {
  return token.replace(/(?<=nonce=")[^"]*|(?<=rspauth=).*/, "...");
}
