/** TLS for a port for HTTP; each store as PEM. */
export interface HttpTls {
  readonly key: string;
  /** The certificate of {@link key}, then those that lead from it towards the root. */
  readonly cert: string;
  /** Certificates that a client's must lead to; where there are none, clients show none. */
  readonly ca: readonly string[];
  readonly minVersion: "TLSv1.2" | "TLSv1.3";
  readonly maxVersion: "TLSv1.2" | "TLSv1.3";
  /** Suites by OpenSSL's names; undefined leaves them to the runtime. */
  readonly ciphers: string | undefined;
  /** Whether plain HTTP is answered on the same port too. Not on Bun. */
  readonly acceptsPlain: boolean;
  /** The subject of a certificate (DER) in the form of identities of the scheme `x509`. */
  readonly subjectOf: (certificate: Uint8Array) => string;
}
