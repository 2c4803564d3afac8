import type { Plugin } from "../core/kernel/plugin.ts";
import type { HttpTls } from "../plugins/admin/mod.ts";
import { x509Auth } from "../plugins/auth/x509.ts";
import {
  checkTlsOptions,
  cipherSettings,
  type PeerTlsOptions,
  readCredentials,
  subjectOf,
  type TlsOptions,
  type TlsSettings,
  TlsStoreError,
  tlsTransport,
} from "../transports/tcp/mod.ts";
import { ConfigError, type ServerConfig, type TlsConfig } from "./config/server_config.ts";

/** Time between two looks whether a key or trust store has changed, ms. */
const RELOAD_CHECK_MS = 2000;

/**
 * The port that takes TLS as well as plain connections, the one for TLS alone, and the scheme that
 * goes with them, for a configuration that asks for either port.
 *
 * @throws {ConfigError} for stores that cannot be used.
 */
export function clientTls(config: ServerConfig, backlog: number | undefined): Plugin[] {
  const { host, port, tls } = config;
  const plugins: Plugin[] = [];
  if (tls.isUnified) {
    plugins.push(tlsTransport({ ...tlsOptions(config), host, port, backlog, acceptsPlain: true }));
  }
  if (tls.port !== undefined) plugins.push(tlsTransport({ ...tlsOptions(config), backlog }));
  return [...plugins, x509Auth({ superUser: tls.superUser })];
}

/** What listens on the port for TLS. @throws {ConfigError} for stores that cannot be used. */
function tlsOptions({ tls }: ServerConfig): TlsOptions {
  return { ...tlsSettings(tls, "ssl."), host: tls.host, port: tls.port ?? 0 };
}

/**
 * TLS between servers; undefined where it is not asked for.
 *
 * @throws {ConfigError} for stores that cannot be used.
 */
export function peerTls({ peerTls: config }: ServerConfig): PeerTlsOptions | undefined {
  if (!config.isOn && !config.isUnified) return undefined;
  const settings = tlsSettings(config, "ssl.quorum.");
  const { trustStore } = settings;
  if (trustStore === undefined) {
    throw new ConfigError(["ssl.quorum.trustStore.location is not set: whom is TLS to trust?"]);
  }
  const { checksNames, checksNamesOfDiallers, looksUpNames } = config;
  return {
    ...settings,
    trustStore,
    acceptsPlain: config.isUnified,
    dialsPlain: !config.isOn,
    checksNames,
    checksNamesOfDiallers: checksNames && checksNamesOfDiallers,
    looksUpNames,
  };
}

/**
 * TLS of an admin server that is to speak it, with the stores for other servers, as Apache's
 * `JettyAdminServer`.
 *
 * @throws {ConfigError} for stores that cannot be used.
 */
export function adminTls({ admin: asked, peerTls: stores }: ServerConfig): HttpTls {
  const { forcesHttps, needsClientCertificate } = asked;
  if (!forcesHttps && "Bun" in globalThis) {
    throw new ConfigError(["admin.portUnification: not on Bun: say admin.forceHttps"]);
  }
  const clientAuth = needsClientCertificate ? "need" : "none";
  const settings = tlsSettings({ ...stores, clientAuth }, "ssl.quorum.");
  const { key, cert, ca } = readCredentials(settings);
  const acceptsPlain = !forcesHttps;
  return { key, cert, ca, ...cipherSettings(settings), acceptsPlain, subjectOf };
}

/** @throws {ConfigError} for stores that cannot be used, with keys that begin with `prefix`. */
function tlsSettings(tls: TlsConfig, prefix: string): TlsSettings {
  const { location = "", ...rest } = tls.keyStore;
  if (location === "") {
    throw new ConfigError([
      `${prefix}keyStore.location is not set: TLS needs a key and a certificate`,
    ]);
  }
  const trusted = tls.trustStore;
  const settings: TlsSettings = {
    keyStore: { location, ...rest },
    trustStore:
      trusted.location === undefined ? undefined : { ...trusted, location: trusted.location },
    clientAuth: tls.clientAuth,
    versions: tls.versions ?? (tls.protocol === "TLS" ? undefined : [tls.protocol, tls.protocol]),
    ciphersuites: tls.ciphersuites,
    reloadCheckMs: tls.reloads ? RELOAD_CHECK_MS : undefined,
  };
  try {
    checkTlsOptions(settings);
  } catch (cause) {
    if (!(cause instanceof TlsStoreError)) throw cause;
    throw new ConfigError([`${prefix}${cause.message}`], { cause });
  }
  return settings;
}
