import type { ServerOptions } from "../../core/server/options.ts";
import { defaultEnsemble, type EnsembleConfig } from "./ensemble_keys.ts";

/** A key or trust store as it was configured. */
export interface StoreConfig {
  location?: string;
  password?: string;
  passwordPath?: string;
  type?: "PEM" | "PKCS12" | "JKS";
}

/** A version of TLS. */
export type TlsVersion = "TLSv1.2" | "TLSv1.3";

/** What TLS goes by, with clients or with other servers. */
export interface TlsConfig {
  readonly keyStore: StoreConfig;
  readonly trustStore: StoreConfig;
  clientAuth: "need" | "want" | "none";
  /** The oldest and the newest; {@link protocol} decides where it is undefined. */
  versions: readonly [TlsVersion, TlsVersion] | undefined;
  protocol: TlsVersion | "TLS";
  /** Undefined is the runtime's choice. */
  ciphersuites: readonly string[] | undefined;
  /** Whether stores that change are read again. */
  reloads: boolean;
  /** Whether the plain port takes TLS too. */
  isUnified: boolean;
}

/** TLS for clients. */
export interface ClientTlsConfig extends TlsConfig {
  /** Undefined where there is no port for TLS alone. */
  port: number | undefined;
  /** Undefined is every address. */
  host: string | undefined;
  superUser: string | undefined;
}

/** TLS between the servers of an ensemble. */
export interface PeerTlsConfig extends TlsConfig {
  /** Whether others are dialled by TLS. */
  isOn: boolean;
  checksNames: boolean;
  checksNamesOfDiallers: boolean;
  looksUpNames: boolean;
}

/** The admin HTTP server. */
export interface AdminConfig {
  /** Undefined when nothing is said about it: it is on where a port is given. */
  enabled: boolean | undefined;
  /** Undefined is the address that clients connect to. */
  host: string | undefined;
  port: number | undefined;
  commandUrl: string;
  idleTimeoutMs: number;
  /** Whether the port speaks TLS alone. */
  forcesHttps: boolean;
  /** Whether it speaks TLS as well. */
  isUnified: boolean;
  needsClientCertificate: boolean;
  isSnapshotOn: boolean;
  isRestoreOn: boolean;
}

/** Everything that `zookit serve` needs to know, from whatever source. */
export interface ServerConfig {
  /** Address that clients connect to; undefined is every address. */
  host: string | undefined;
  /** Port that clients connect to; 0 lets the system choose. */
  port: number;
  /** False where clients come by TLS only. */
  hasPlainPort: boolean;
  readonly tls: ClientTlsConfig;
  readonly peerTls: PeerTlsConfig;
  /** Connections that may wait to be accepted; -1 is the system's choice. */
  listenBacklog: number;
  /** Folder of the database; undefined keeps everything in memory. */
  dataDir: string | undefined;
  /** Folder of the log, where Apache's files are used; undefined is {@link dataDir}. */
  dataLogDir: string | undefined;
  /** What the server itself is told; what is missing has its default. */
  options: { -readonly [Key in keyof ServerOptions]?: ServerOptions[Key] };
  /** Four-letter words that are answered. */
  fourLetterWords: readonly string[];
  readOnlyModeEnabled: boolean;
  digest: { enabled: boolean; superDigest: string | undefined; algorithm: string };
  /** SASL is spoken when there are users or a password of `super`. */
  sasl: {
    /** Java login configuration, from which the users come. */
    file: string | undefined;
    section: string;
    users: Readonly<Record<string, string>>;
    /** By the key that named them, so that a later source wins. */
    superUsers: Map<string, string>;
    superPassword: string | undefined;
    /** Id of an ACL that means every user. */
    anyUser: string | undefined;
    /** Whether nothing goes without a login. */
    required: boolean;
  };
  /** Kept apart until all is read: the schemes count only where the rule is on. */
  enforceAuth: { enabled: boolean; schemes: readonly string[] };
  /** An address that is not given is that of {@link host}. */
  metrics: { enabled: boolean; host: string | undefined; port: number; processMetrics: boolean };
  readonly admin: AdminConfig;
  /** Free space for the data below which a warning is due, MiB; 0 is none. */
  diskFreeMbMin: number;
  readonly ensemble: EnsembleConfig;
  /** Without a file, lines go where the messages go. */
  readonly audit: { enabled: boolean; file: string | undefined };
}

/** What applies where nothing is said. */
export function defaultConfig(): ServerConfig {
  return {
    host: "127.0.0.1",
    port: 2181,
    hasPlainPort: true,
    tls: { ...defaultTls(), port: undefined, host: "127.0.0.1", superUser: undefined },
    peerTls: {
      ...defaultTls(),
      isOn: false,
      checksNames: true,
      checksNamesOfDiallers: true,
      looksUpNames: true,
    },
    listenBacklog: -1,
    dataDir: "./zookit-data",
    dataLogDir: undefined,
    ensemble: defaultEnsemble(),
    options: {},
    fourLetterWords: [],
    readOnlyModeEnabled: false,
    digest: { enabled: true, superDigest: undefined, algorithm: "SHA1" },
    sasl: {
      file: undefined,
      section: "Server",
      users: {},
      superUsers: new Map(),
      superPassword: undefined,
      anyUser: undefined,
      required: false,
    },
    enforceAuth: { enabled: false, schemes: [] },
    metrics: { enabled: false, host: undefined, port: 7000, processMetrics: true },
    admin: {
      enabled: undefined,
      host: undefined,
      port: undefined,
      commandUrl: "/commands",
      idleTimeoutMs: 30_000,
      forcesHttps: false,
      isUnified: false,
      needsClientCertificate: false,
      isSnapshotOn: true,
      isRestoreOn: true,
    },
    diskFreeMbMin: 1024,
    audit: { enabled: false, file: undefined },
  };
}

function defaultTls(): TlsConfig {
  return {
    keyStore: {},
    trustStore: {},
    clientAuth: "need",
    versions: undefined,
    protocol: "TLS",
    ciphersuites: undefined,
    reloads: false,
    isUnified: false,
  };
}

/** A configuration that cannot be served; each finding is a line that says what would be right. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly findings: readonly string[];

  constructor(findings: readonly string[], options?: ErrorOptions) {
    super(findings.join("\n"), options);
    this.findings = findings;
  }
}
