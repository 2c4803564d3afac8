import type { Plugin } from "../core/kernel/plugin.ts";
import { diskSpaceWatch } from "../plugins/admin/disk_space.ts";
import { fourLetterWords } from "../plugins/admin/four_letter_words.ts";
import type { Places } from "../plugins/admin/mod.ts";
import { digestAuth } from "../plugins/auth/digest.ts";
import { ipAuth } from "../plugins/auth/ip.ts";
import { plainMetrics } from "../plugins/metrics/mod.ts";
import { bucketSessions } from "../plugins/sessions/mod.ts";
import { standalone } from "../plugins/standalone/mod.ts";
import type { LogLevel, LogThreshold } from "../plugins/system/mod.ts";
import { systemClock, systemEntropy } from "../plugins/system/mod.ts";
import { pinoLogger } from "../plugins/system/pino_logger.ts";
import { tcpTransport } from "../transports/tcp/tcp_transport.ts";
import { chooseStorage } from "./choose_storage.ts";
import type { ConfigOrigin } from "./config/load.ts";
import { MembershipFiles } from "./config/membership_files.ts";
import { ConfigError, type ServerConfig } from "./config/server_config.ts";

/**
 * The plugins of a server with this configuration. What not every server has is loaded only when
 * it is asked for: a start waits for it.
 *
 * @throws {ConfigError} when a plugin refuses its settings.
 */
export async function composePlugins(
  config: ServerConfig,
  logLevel: LogLevel | LogThreshold,
  origin: ConfigOrigin = { text: "", properties: {} },
): Promise<Plugin[]> {
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
    await chooseStorage(config),
    ...(await consensus(config, origin.file)),
    ...(await transports(config)),
    ipAuth(),
    ...(config.digest.enabled ? [digest(config)] : []),
    ...(await sasl(config)),
    fourLetterWords({
      whitelist: config.fourLetterWords,
      readOnlyModeEnabled: config.readOnlyModeEnabled,
      ...places,
    }),
    ...(config.metrics.enabled ? [await metrics(config)] : []),
    ...diskSpace(config),
    ...(config.audit.enabled ? [await audit(config)] : []),
    ...(isAdminOn(config) ? await admin(config, places, origin) : []),
  ];
}

/** Consensus, and for a member of an ensemble its links to the others. */
async function consensus(config: ServerConfig, file: string | undefined): Promise<Plugin[]> {
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
  const { zab } = await import("../plugins/zab/mod.ts");
  const { tcpPeers } = await import("../transports/tcp/mod.ts");
  const { peerTls } = await import("./compose_tls.ts");
  return [zab(member), tcpPeers({ tls: peerTls(config) })];
}

async function metrics({ host, metrics: asked }: ServerConfig): Promise<Plugin> {
  const { prometheusMetrics } = await import("../plugins/admin/prometheus.ts");
  const { port, processMetrics, ...own } = asked;
  return prometheusMetrics({ host: own.host ?? host ?? "0.0.0.0", port, processMetrics });
}

function diskSpace({ dataDir: folder, diskFreeMbMin }: ServerConfig): Plugin[] {
  if (folder === undefined || diskFreeMbMin === 0) return [];
  return [diskSpaceWatch({ folder, freeBytesMin: diskFreeMbMin * 1024 * 1024 })];
}

async function audit({ audit: { file } }: ServerConfig): Promise<Plugin> {
  const { auditLog } = await import("../plugins/audit/mod.ts");
  return auditLog({ file });
}

function isAdminOn({ admin: { enabled, port } }: ServerConfig): boolean {
  return enabled ?? port !== undefined;
}

/** The admin server, and the commands that it alone answers. */
async function admin(
  config: ServerConfig,
  places: Places,
  origin: ConfigOrigin,
): Promise<Plugin[]> {
  const { adminServer } = await import("../plugins/admin/admin_server.ts");
  const { dataCommands } = await import("./data_commands.ts");
  const { commandUrl, idleTimeoutMs, host, port = 8080, forcesHttps, isUnified } = config.admin;
  const usesTls = forcesHttps || isUnified;
  const server = adminServer({
    host: host ?? config.host ?? "0.0.0.0",
    port,
    commandUrl,
    idleTimeoutMs,
    tls: usesTls ? (await import("./compose_tls.ts")).adminTls(config) : undefined,
    ...places,
    initialConfiguration: origin.text,
    properties: origin.properties,
  });
  const { isSnapshotOn, isRestoreOn } = config.admin;
  return [server, dataCommands({ dataDir: config.dataDir, isSnapshotOn, isRestoreOn })];
}

async function sasl({ sasl: asked }: ServerConfig): Promise<Plugin[]> {
  const { file, users, superUsers, superPassword, anyUser } = asked;
  if (file === undefined && superPassword === undefined) return [];
  const { saslDigestMd5 } = await import("../plugins/auth/sasl.ts");
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

/** The plain port and the one for TLS, or one for both, and the scheme that goes with TLS. */
async function transports(config: ServerConfig): Promise<Plugin[]> {
  const { host, port, hasPlainPort, tls } = config;
  const backlog = config.listenBacklog === -1 ? undefined : config.listenBacklog;
  const plain = hasPlainPort && !tls.isUnified ? [tcpTransport({ host, port, backlog })] : [];
  if (!tls.isUnified && tls.port === undefined) return plain;
  const { clientTls } = await import("./compose_tls.ts");
  return [...plain, ...clientTls(config, backlog)];
}
