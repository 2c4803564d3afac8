import { type ConfigKey, key } from "./config_key.ts";
import { FLAG, TEXT, whole } from "./values.ts";

const INT_MAX = 0x7fff_ffff;

/** Keys of what operators are warned of. */
export const WARNINGS: readonly ConfigKey[] = [
  key(
    "fsync.warningthresholdms",
    whole(0, INT_MAX),
    ({ options }, value) => (options.fsyncWarningMs = value),
    { help: "time for the log to be synced that is slow, ms; 0 is none", fallback: "1000" },
  ),
  key(
    "request.warningthresholdms",
    whole(0, INT_MAX),
    ({ options }, value) => (options.requestWarningMs = value),
    { help: "time for a request that is slow, ms; 0 is none (not in Apache)", fallback: "1000" },
  ),
  key("disk.warningfreemb", whole(0), (config, value) => (config.diskFreeMbMin = value), {
    help: "free space for the data that is little, MiB; 0 is none (not in Apache)",
    fallback: "1024",
  }),
];

/** Keys of the audit log. */
export const AUDIT: readonly ConfigKey[] = [
  key("audit.enable", FLAG, ({ audit }, value) => (audit.enabled = value), {
    help: "whether every write is logged, by whom and with what end",
    fallback: "false",
  }),
  key("auditlog.file", TEXT, ({ audit }, value) => (audit.file = value), {
    help: "file for these lines, put aside at 10 MB, 10 of them kept",
    fallback: "none: they go where the messages go",
  }),
];

/** Keys of the admin HTTP server. */
export const ADMIN: readonly ConfigKey[] = [
  key("admin.enableServer", FLAG, ({ admin }, value) => (admin.enabled = value), {
    help: "whether commands are answered by HTTP",
    fallback: "false; true where `admin.serverPort` is set",
  }),
  key("admin.serverAddress", TEXT, ({ admin }, value) => (admin.host = value), {
    help: "address to listen on for them",
    fallback: "as clientPortAddress",
  }),
  key("admin.serverPort", whole(0, 65_535), ({ admin }, value) => (admin.port = value), {
    help: "port to listen on; 0 lets the system choose one, which the log names",
    fallback: "8080 where the server is on",
  }),
  key("admin.commandURL", TEXT, ({ admin }, value) => (admin.commandUrl = value), {
    help: "path below which the commands are",
    fallback: "/commands",
  }),
  key("admin.idleTimeout", whole(1, INT_MAX), ({ admin }, value) => (admin.idleTimeoutMs = value), {
    help: "time after which a silent connection is closed, ms",
    fallback: "30000",
  }),
  key("admin.forceHttps", FLAG, ({ admin }, value) => (admin.forcesHttps = value), {
    help: "whether it speaks TLS alone, with the stores of `ssl.quorum.*`, as Apache's does",
    fallback: "false",
  }),
  key("admin.portUnification", FLAG, ({ admin }, value) => (admin.isUnified = value), {
    help: "whether it speaks TLS as well, on the same port; not on Bun",
    fallback: "false",
  }),
  key("admin.needClientAuth", FLAG, ({ admin }, value) => (admin.needsClientCertificate = value), {
    help: "whether those who ask by TLS must show a certificate that the trust store knows",
    fallback: "false",
  }),
  key("admin.snapshot.enabled", FLAG, ({ admin }, value) => (admin.isSnapshotOn = value), {
    help: "whether the command `snapshot` hands out the data",
    fallback: "true",
  }),
  key("admin.restore.enabled", FLAG, ({ admin }, value) => (admin.isRestoreOn = value), {
    help: "whether the command `restore` replaces the data",
    fallback: "true",
  }),
];
