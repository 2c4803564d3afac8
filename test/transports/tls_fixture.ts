import type { ClientTlsOptions } from "../../client/transports/tls.ts";
import type { Logger } from "../../core/contracts/logger.ts";
import { PlainMetrics } from "../../plugins/metrics/mod.ts";
import { type TlsOptions, TlsTransport } from "../../transports/tcp/mod.ts";
import { Certificates } from "./certificates.ts";

export const HOST = "127.0.0.1";

/** A server's certificates, those of a client that it trusts, and of a stranger. */
export class TlsFixture {
  readonly certificates: Certificates = new Certificates();
  readonly metrics: PlainMetrics = new PlainMetrics();
  /** Messages of the transports. */
  readonly said: string[] = [];
  /** Told after each message. */
  heard: () => void = () => {};

  constructor() {
    this.certificates.authority("ca");
    this.certificates.leaf("server", "ca");
    this.certificates.leaf("client", "ca");
    this.certificates.authority("other");
    this.certificates.leaf("stranger", "other");
  }

  /** Settings of a transport on a free port. */
  options(changes: Partial<TlsOptions> = {}): TlsOptions {
    return {
      port: 0,
      host: HOST,
      keyStore: { location: this.certificates.path("server.both.pem") },
      trustStore: { location: this.certificates.path("ca.pem") },
      ...changes,
    };
  }

  transport(changes: Partial<TlsOptions> = {}, handshakeTimeoutMs = 10_000): TlsTransport {
    return new TlsTransport(this.options(changes), { ...this.parts(), handshakeTimeoutMs });
  }

  /** What transports need, with {@link said} for a log. */
  parts(): { readonly logger: Logger; readonly metrics: PlainMetrics } {
    return { logger: this.#logger(), metrics: this.metrics };
  }

  /** What a client with the certificate `name` needs. */
  client(name?: string): ClientTlsOptions {
    const ca = this.certificates.text("ca.pem");
    if (name === undefined) return { ca };
    const { certificates } = this;
    return { ca, cert: certificates.text(`${name}.pem`), key: certificates.text(`${name}.key`) };
  }

  remove(): void {
    this.certificates.remove();
  }

  #logger(): Logger {
    const say = (message: string, fields: object = {}): void => {
      this.said.push(`${message} ${JSON.stringify(fields)}`);
      this.heard();
    };
    return { debug: say, info: say, warn: say, error: say, child: () => this.#logger() };
  }
}
