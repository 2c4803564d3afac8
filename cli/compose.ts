import type { Plugin } from "../core/kernel/plugin.ts";
import {
  adminServer,
  diskSpaceWatch,
  fourLetterWords,
  type HttpTls,
  type Places,
  prometheusMetrics,
} from "../plugins/admin/mod.ts";
import { auditLog } from "../plugins/audit/mod.ts";
import { digestAuth, ipAuth, saslDigestMd5, x509Auth } from "../plugins/auth/mod.ts";
import { plainMetrics } from "../plugins/metrics/mod.ts";
import { bucketSessions } from "../plugins/sessions/mod.ts";
import { standalone } from "../plugins/standalone/mod.ts";
import type { LogLevel, LogThreshold } from "../plugins/system/mod.ts";
import { systemClock, systemEntropy } from "../plugins/system/mod.ts";
import { pinoLogger } from "../plugins/system/pino_logger.ts";
import { zab } from "../plugins/zab/mod.ts";
import {
  checkTlsOptions,
  cipherSettings,
  type PeerTlsOptions,
  readCredentials,
  subjectOf,
  type TlsOptions,
  type TlsSettings,
  TlsStoreError,
  tcpPeers,
  tcpTransport,
  tlsTransport,
} from "../transports/tcp/mod.ts";
import { backupCommand } from "./backup_command.ts";
import { chooseStorage } from "./choose_storage.ts";
import type { ConfigOrigin } from "./config/load.ts";
import { MembershipFiles } from "./config/membership_files.ts";
import { ConfigError, type ServerConfig, type TlsConfig } from "./config/server_config.ts";

/**
 * The plugins of a server with this configuration.
 *
 * @throws {ConfigError} when a plugin refuses its settings.
 */
export function composePlugins(
  config: ServerConfig,
  logLevel: LogLevel | LogThreshold,
  origin: ConfigOrigin = { text: "", properties: {} },
): Plugin[] {
  const places = {
    dataDir: config.dataDir ?? "",
    dataLogDir: config.dataLogDir ?? config.dataDir ?? "",
    clientPortListenBacklog: config.listenBacklog,
  };
  return [
    systemClock(),
    systemEntropy(),
    pinoLogger({ level: logLevel }),
    plainMetrics(),
    bucketSessions(),
    chooseStorage(config),
    ...consensus(config, origin.file),
    ...transports(config),
    ipAuth(),
    ...(config.digest.enabled ? [digest(config)] : []),
    ...sasl(config),
    fourLetterWords({
      whitelist: config.fourLetterWords,
      readOnlyModeEnabled: config.readOnlyModeEnabled,
      ...places,
    }),
    ...(config.metrics.enabled ? [metrics(config)] : []),
    ...diskSpace(config),
    ...(config.audit.enabled ? [auditLog({ file: config.audit.file })] : []),
    ...(isAdminOn(config) ? [admin(config, places, origin), backupCommand()] : []),
  ];
}

/** Consensus, and for a member of an ensemble its links to the others. */
function consensus(config: ServerConfig, file: string | undefined): Plugin[] {
  const { ensemble, options, readOnlyModeEnabled } = config;
  const { membership, dynamicConfigFile: _, ...settings } = ensemble;
  if (membership === undefined) return [standalone()];
  const serverId = options.serverId ?? 1;
  const files = file === undefined ? undefined : new MembershipFiles(file, serverId);
  const member = {
    ...settings,
    serverId,
    membership,
    readOnlyMode: readOnlyModeEnabled,
    keepMembership: files && ((text: string, inForce: boolean) => files.keep(text, inForce)),
  };
  return [zab(member), tcpPeers({ tls: peerTls(config) })];
}

function metrics({ host, metrics: { port, processMetrics, ...own } }: ServerConfig): Plugin {
  return prometheusMetrics({ host: own.host ?? host ?? "0.0.0.0", port, processMetrics });
}

function diskSpace({ dataDir: folder, diskFreeMbMin }: ServerConfig): Plugin[] {
  if (folder === undefined || diskFreeMbMin === 0) return [];
  return [diskSpaceWatch({ folder, freeBytesMin: diskFreeMbMin * 1024 * 1024 })];
}

function isAdminOn({ admin: { enabled, port } }: ServerConfig): boolean {
  return enabled ?? port !== undefined;
}

function admin(config: ServerConfig, places: Places, origin: ConfigOrigin): Plugin {
  const { commandUrl, idleTimeoutMs, host, port = 8080 } = config.admin;
  return adminServer({
    host: host ?? config.host ?? "0.0.0.0",
    port,
    commandUrl,
    idleTimeoutMs,
    tls: adminTls(config),
    ...places,
    initialConfiguration: origin.text,
    properties: origin.properties,
  });
}

/**
 * TLS of the admin server, with the stores for other servers, as Apache's `JettyAdminServer`;
 * undefined where it is not asked for.
 *
 * @throws {ConfigError} for stores that cannot be used.
 */
function adminTls({ admin: asked, peerTls: stores }: ServerConfig): HttpTls | undefined {
  const { forcesHttps, isUnified, needsClientCertificate } = asked;
  if (!forcesHttps && !isUnified) return undefined;
  if (!forcesHttps && "Bun" in globalThis) {
    throw new ConfigError(["admin.portUnification: not on Bun: say admin.forceHttps"]);
  }
  const clientAuth = needsClientCertificate ? "need" : "none";
  const settings = tlsSettings({ ...stores, clientAuth }, "ssl.quorum.");
  const { key, cert, ca } = readCredentials(settings);
  const acceptsPlain = !forcesHttps;
  return { key, cert, ca, ...cipherSettings(settings), acceptsPlain, subjectOf };
}

function sasl({
  sasl: { file, users, superUsers, superPassword, anyUser },
}: ServerConfig): Plugin[] {
  if (file === undefined && superPassword === undefined) return [];
  const superNames = [...superUsers.values()];
  return [saslDigestMd5({ users, superUsers: superNames, superPassword, anyUser })];
}

function digest({ digest: { algorithm, superDigest } }: ServerConfig): Plugin {
  try {
    return digestAuth({ algorithm, ...(superDigest === undefined ? {} : { superDigest }) });
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new ConfigError(
      [`DigestAuthenticationProvider.digestAlg: ${cause.message}; SHA1 and SHA-256 are common`],
      { cause },
    );
  }
}

/** Time between two looks whether a key or trust store has changed, ms. */
const RELOAD_CHECK_MS = 2000;

/** The plain port and the one for TLS, or one for both, and the scheme that goes with TLS. */
function transports(config: ServerConfig): Plugin[] {
  const { host, port, hasPlainPort, tls } = config;
  const backlog = config.listenBacklog === -1 ? undefined : config.listenBacklog;
  const plugins: Plugin[] = [];
  if (tls.isUnified) {
    plugins.push(tlsTransport({ ...tlsOptions(config), host, port, backlog, acceptsPlain: true }));
  } else if (hasPlainPort) {
    plugins.push(tcpTransport({ host, port, backlog }));
  }
  if (tls.port !== undefined) plugins.push(tlsTransport({ ...tlsOptions(config), backlog }));
  const usesTls = tls.isUnified || tls.port !== undefined;
  return usesTls ? [...plugins, x509Auth({ superUser: tls.superUser })] : plugins;
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
function peerTls({ peerTls: config }: ServerConfig): PeerTlsOptions | undefined {
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
