import type { TcpOptions } from "./tcp_options.ts";

/** A file with certificates, and the key where they are one's own. */
export interface StoreOptions {
  /** Path of the file: PEM, PKCS12 or JKS. */
  readonly location: string;
  /** Opens the store, and its key. */
  readonly password?: string | undefined;
  /** Path of a file with the password, and perhaps a line end; wins over {@link password}. */
  readonly passwordPath?: string | undefined;
  /**
   * Undefined goes by the end of the name: `.pem`, `.p12`, `.jks`. Of the last two either is taken
   * for the other, as Java does.
   */
  readonly type?: "PEM" | "PKCS12" | "JKS" | undefined;
}

/** What TLS between two sides goes by, wherever it is spoken. */
export interface TlsSettings {
  /** The server's own key and certificates. */
  readonly keyStore: StoreOptions;
  /** Whose certificates are good for clients; needed unless {@link clientAuth} is `none`. */
  readonly trustStore?: StoreOptions | undefined;
  /**
   * Whether clients show a certificate: they must (`need`, the default), they may (`want`; one that
   * is not trusted is refused all the same), or they are not asked (`none`).
   */
  readonly clientAuth?: "need" | "want" | "none" | undefined;
  /** Takes connections without TLS on the same port (`portUnification`). Default false. */
  readonly acceptsPlain?: boolean | undefined;
  /** Oldest and newest version that is spoken. Default TLSv1.2 and TLSv1.3. */
  readonly versions?: readonly [oldest: TlsVersion, newest: TlsVersion] | undefined;
  /**
   * Suites that may be used, by their registered names (`TLS_AES_128_GCM_SHA256`); those of the
   * runtime otherwise. Deno knows no such choice, Bun none for TLSv1.3; to ask for it is an error.
   */
  readonly ciphersuites?: readonly string[] | undefined;
  /** Looks this often whether a store has changed, ms; undefined reads them only once. */
  readonly reloadCheckMs?: number | undefined;
  /** Connections still shaking hands; above it the oldest is given up. Default 1000. */
  readonly handshakesMax?: number | undefined;
}

/** How to listen for TLS. */
export interface TlsOptions extends TcpOptions, TlsSettings {}

/** A version that is fit for use. */
export type TlsVersion = "TLSv1.2" | "TLSv1.3";

/** A store or another option that cannot be used; the message begins with the option at fault. */
export class TlsStoreError extends Error {
  override readonly name = "TlsStoreError";
}
