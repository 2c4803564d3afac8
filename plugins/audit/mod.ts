/**
 * A line for every write, by whom it was wanted and what came of it, as Apache ZooKeeper's audit
 * log has it.
 *
 * ```ts
 * import { auditLog } from "zookit/plugins/audit";
 *
 * console.log(auditLog({ file: "zookeeper_audit.log" }).name); // audit-log
 * ```
 */
import { userInfo } from "node:os";
import { AUDITOR } from "../../core/contracts/audit.ts";
import { AUTH_PROVIDER } from "../../core/contracts/auth.ts";
import { CLOCK } from "../../core/contracts/clock.ts";
import { LOGGER, type Logger } from "../../core/contracts/logger.ts";
import { SERVICE, type Service } from "../../core/contracts/service.ts";
import type { Container } from "../../core/kernel/container.ts";
import type { Plugin } from "../../core/kernel/plugin.ts";
import { AuditFile } from "./audit_file.ts";
import { AuditLog, type WriteAuditLine } from "./audit_log.ts";

export { AuditFile } from "./audit_file.ts";
export { AuditLog, type AuditResult, type WriteAuditLine } from "./audit_log.ts";

/** Where audit lines go. */
export interface AuditLogOptions {
  /**
   * A file; at 10 MiB it is put aside, and 10 such files are kept. Without it, lines are messages
   * of the server's logger in the scope `audit`.
   */
  readonly file?: string | undefined;
}

/** Fills the audit contract. */
export function auditLog(options: AuditLogOptions = {}): Plugin {
  const { file } = options;
  return {
    name: "audit-log",
    provides: file === undefined ? [AUDITOR] : [AUDITOR, SERVICE],
    requires: [CLOCK, LOGGER],
    register: (container) => {
      if (file === undefined) {
        container.provide(AUDITOR, () => make(container, toLogger(container.get(LOGGER))));
        return;
      }
      let opened: AuditFile | undefined;
      const open = (): AuditFile => {
        opened ??= new AuditFile(file, container.get(CLOCK), container.get(LOGGER).child("audit"));
        return opened;
      };
      container.provide(AUDITOR, () => make(container, (line, end) => open().write(line, end)));
      container.provide(SERVICE, () => serviceOf(open()));
    },
  };
}

function make(container: Container, write: WriteAuditLine): AuditLog {
  return new AuditLog(write, container.all(AUTH_PROVIDER), userName());
}

function toLogger(logger: Logger): WriteAuditLine {
  const scoped = logger.child("audit");
  return (line, result) => (result === "failure" ? scoped.error(line) : scoped.info(line));
}

function serviceOf(file: AuditFile): Service {
  return {
    name: "audit-log",
    start: async () => file.start(),
    stop: async () => file.close(),
  };
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return "unknown"; // In a container the user may have a number and no name.
  }
}
