import type { Bucket, ConnectionStats, ServerInspection } from "../../core/contracts/inspection.ts";
import type { Peer } from "../../core/contracts/transport.ts";
import { OPCODES } from "../../core/wire/opcodes.ts";
import { formatZxid } from "../../core/wire/zxid.ts";

// What `cons` calls the last operation of a connection.
const OPERATION_NAMES = new Map<number, string>([
  [OPCODES.create, "CREA"],
  [OPCODES.create2, "CREA"],
  [OPCODES.createContainer, "CREA"],
  [OPCODES.createTtl, "CREA"],
  [OPCODES.delete, "DELE"],
  [OPCODES.deleteContainer, "DELE"],
  [OPCODES.exists, "EXIS"],
  [OPCODES.getData, "GETD"],
  [OPCODES.setData, "SETD"],
  [OPCODES.getAcl, "GETA"],
  [OPCODES.setAcl, "SETA"],
  [OPCODES.getChildren, "GETC"],
  [OPCODES.getChildren2, "GETC"],
  [OPCODES.getAllChildrenNumber, "GETACN"],
  [OPCODES.getEphemerals, "GETE"],
  [OPCODES.sync, "SYNC"],
  [OPCODES.ping, "PING"],
  [OPCODES.check, "CHEC"],
  [OPCODES.multi, "MULT"],
  [OPCODES.multiRead, "MLTR"],
  [OPCODES.reconfig, "RECO"],
  [OPCODES.setWatches, "SETW"],
  [OPCODES.setWatches2, "STW2"],
  [OPCODES.addWatch, "ADDW"],
  [OPCODES.checkWatches, "CHKW"],
  [OPCODES.removeWatches, "REMW"],
  [OPCODES.whoAmI, "HOMI"],
  [OPCODES.createSession, "SESS"],
  [OPCODES.closeSession, "CLOS"],
]);

/** The name of a request's type, as `cons` shows it; `NA` for none and for those without one. */
export function operationName(opcode: number | undefined): string {
  return (opcode === undefined ? undefined : OPERATION_NAMES.get(opcode)) ?? "NA";
}

/** A fraction as Java prints a double of up to four decimals: `0.0`, `2.25`. */
export function formatFraction(value: number): string {
  const rounded = Math.round(value * 10_000) / 10_000;
  return Number.isInteger(rounded) ? `${rounded}.0` : String(rounded);
}

/** `127.0.0.1:50222`; an IPv6 address stands in brackets. */
export function formatAddress(peer: Peer): string {
  const address = peer.address.includes(":") ? `[${peer.address}]` : peer.address;
  return `${address}:${peer.port}`;
}

/** As {@link formatAddress}, with the stroke that Java puts before an address. */
export function formatPeer(peer: Peer): string {
  return `/${formatAddress(peer)}`;
}

/** What this server says it is: its role, or `read-only` while it lacks a quorum. */
export function formatMode({ status }: ServerInspection): string {
  return status.serving === "read-only" ? "read-only" : status.role;
}

/** What `mntr` calls `peer_state`: what a member does, and how far it is. */
export function formatPeerState({ status, ensemble }: ServerInspection): string {
  const { role, serving } = status;
  if (role === "looking") {
    return ensemble?.leaderId === -1 ? "looking - election" : "looking - synchronization";
  }
  const doing = { leader: "leading", follower: "following", observer: "observing" };
  if (role === "standalone") return role;
  return `${doing[role]} - ${serving === "read-write" ? "broadcast" : "synchronization"}`;
}

/** The line of one connection in `stat`. */
export function formatConnection(stats: ConnectionStats): string {
  return `${connectionStart(stats)})`;
}

/** The line of one connection in `cons`. */
export function formatConnectionFully(stats: ConnectionStats): string {
  const { session } = stats;
  if (session === undefined) return formatConnection(stats);
  const { latency, lastCxid, lastOpcode } = session;
  const fields = [
    `sid=${session.id}`,
    `lop=${operationName(lastOpcode)}`,
    `est=${stats.establishedMs}`,
    `to=${session.timeoutMs}`,
    ...(lastCxid === undefined ? [] : [`lcxid=0x${lastCxid.toString(16)}`]),
    `lzxid=0x${formatZxid(session.lastZxid)}`,
    `lresp=${Math.floor(session.lastResponseTimeMs)}`,
    `llat=${Math.floor(session.lastLatencyMs)}`,
    `minlat=${Math.floor(latency.minMs)}`,
    `avglat=${Math.floor(latency.avgMs)}`,
    `maxlat=${Math.floor(latency.maxMs)}`,
  ];
  return `${connectionStart(stats)},${fields.join(",")})`;
}

function connectionStart(stats: ConnectionStats): string {
  const { peer, interestOps, queued, received, sent } = stats;
  const counts = `queued=${queued},recved=${received},sent=${sent}`;
  return ` ${formatPeer(peer)}[${interestOps.toString(16)}](${counts}`;
}

/** Lines of a set of buckets in `dump`, as `ExpiryQueue.dump` of Apache ZooKeeper orders them. */
export function formatBuckets<T>(
  title: string,
  buckets: readonly Bucket<T>[],
  line: (member: T) => string,
): string[] {
  const count = buckets.reduce((sum, { members }) => sum + members.length, 0);
  const lines = [`${title} Sets (${buckets.length})/(${count}):`];
  for (const { dueMs, members } of buckets) {
    lines.push(`${members.length} expire at ${formatJavaDate(dueMs)}:`);
    for (const member of members) lines.push(`\t${line(member)}`);
  }
  return lines;
}

let dateFormat: Intl.DateTimeFormat | undefined;

/** Made when first asked for: that takes several milliseconds, which a start need not wait for. */
function javaDateFormat(): Intl.DateTimeFormat {
  dateFormat ??= new Intl.DateTimeFormat("en-US", {
    weekday: "short",
    month: "short",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    year: "numeric",
    hourCycle: "h23",
    timeZoneName: "short",
  });
  return dateFormat;
}

/** As Java prints a date in the local time zone: `Sun Nov 22 03:12:48 UTC 2026`. */
function formatJavaDate(wallMs: number): string {
  const shown = javaDateFormat().formatToParts(wallMs);
  const parts = new Map(shown.map(({ type, value }) => [type, value]));
  const part = (type: Intl.DateTimeFormatPartTypes): string => parts.get(type) ?? "";
  const time = `${part("hour")}:${part("minute")}:${part("second")}`;
  const day = `${part("weekday")} ${part("month")} ${part("day")}`;
  return `${day} ${time} ${part("timeZoneName")} ${part("year")}`;
}
