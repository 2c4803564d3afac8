/**
 * Who a client is: by user and password (`digest`, `sasl`), by certificate (`x509`), and by address
 * (`ip`). A server has the schemes it was composed with, and `world`.
 *
 * ```ts
 * import { DigestAuth } from "zookit/plugins/auth";
 *
 * const digest = new DigestAuth();
 * console.log(digest.digestOf("u:p")); // u:Jq7wMyA/w2Vd5WIDAKdu4OIIFEQ=
 * ```
 */
export { DigestAuth, type DigestOptions, digestAuth } from "./digest.ts";
export { IpAuth, ipAuth } from "./ip.ts";
export { SaslDigestMd5, type SaslDigestMd5Options, saslDigestMd5 } from "./sasl.ts";
export { X509Auth, type X509Options, x509Auth } from "./x509.ts";
