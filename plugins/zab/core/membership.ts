import { ZkError } from "../../../core/errors/zk_error.ts";
import { formatZxid, type Zxid } from "../../../core/wire/zxid.ts";
import type { ServerId } from "../messages.ts";

/** Where a server's two peer ports are. */
export interface PeerAddress {
  /** As written; an IPv6 address without its brackets. */
  readonly host: string;
  readonly quorumPort: number;
  readonly electionPort: number;
}

/** One server of a membership. */
export interface Member {
  readonly sid: ServerId;
  /** One or more. */
  readonly addresses: readonly PeerAddress[];
  readonly role: "participant" | "observer";
  /** For clients, `host:port[;host:port]`, the second for TLS; undefined where none is named. */
  readonly client: string | undefined;
}

/** Servers named in one text, at most. */
const MEMBERS_MAX = 1000;
const WHOLE_NUMBER = /^-?\d{1,15}$/;
const HEX = /^[0-9a-f]{1,14}$/;

/**
 * The servers of an ensemble and what a quorum of them is (PP 7.2 and 7.4): more than half of the
 * voters, or, where there are groups, more than half of the weight in more than half of the groups.
 */
export class Membership {
  /** Zxid of the reconfiguration that made it; 0 for one that only configuration files hold. */
  readonly version: Zxid;
  readonly members: ReadonlyMap<ServerId, Member>;
  /** Ascending. */
  readonly voters: readonly ServerId[];
  readonly #groups: ReadonlyMap<ServerId, number>;
  readonly #weights: ReadonlyMap<ServerId, number>;

  /**
   * @throws {ZkError} `BadArguments` with the line that cannot be read, when no server votes, or
   * when groups do not hold every voter once.
   */
  static parse(text: string): Membership {
    const lines = new Lines();
    for (const line of text.split("\n")) {
      if (line.trim() !== "") lines.take(line.trim());
    }
    return new Membership(lines.version, lines.members, lines.groups, lines.weights);
  }

  /** As {@link parse}; undefined where that throws. */
  static read(text: string): Membership | undefined {
    try {
      return Membership.parse(text);
    } catch (error) {
      if (error instanceof ZkError) return undefined;
      throw error;
    }
  }

  constructor(
    version: Zxid,
    members: ReadonlyMap<ServerId, Member>,
    groups: ReadonlyMap<ServerId, number> = new Map(),
    weights: ReadonlyMap<ServerId, number> = new Map(),
  ) {
    this.version = version;
    this.members = new Map([...members].sort(([a], [b]) => a - b));
    this.#groups = groups;
    this.#weights = weights;
    const voting = [...this.members.values()].filter(({ role }) => role === "participant");
    this.voters = voting.map(({ sid }) => sid);
    if (voting.length === 0) throw new ZkError("BadArguments", "a membership without voters");
    if (groups.size === 0) return;
    const lonely = this.voters.find((sid) => !groups.has(sid));
    if (lonely !== undefined) throw new ZkError("BadArguments", `server.${lonely} has no group`);
  }

  /** Whether quorums are counted by groups and weights. */
  get isHierarchical(): boolean {
    return this.#groups.size > 0;
  }

  isVoter(sid: ServerId): boolean {
    return this.members.get(sid)?.role === "participant";
  }

  /** A server of weight 0 never leads. */
  mayLead(sid: ServerId): boolean {
    return this.isVoter(sid) && this.weightOf(sid) > 0;
  }

  /** How much a voter counts in its group; 1 where a quorum is a majority. */
  weightOf(sid: ServerId): number {
    return this.isHierarchical ? (this.#weights.get(sid) ?? 1) : 1;
  }

  /** Whether the voters for which `has` holds are a quorum. */
  hasQuorum(has: (sid: ServerId) => boolean): boolean {
    if (this.isHierarchical) return this.#hasQuorumOfGroups(has);
    let count = 0;
    for (const sid of this.voters) if (has(sid)) count += 1;
    return count > Math.floor(this.voters.length / 2);
  }

  /** Whether a server votes in both, at the same quorum addresses. */
  isSameVoter(sid: ServerId, other: Membership): boolean {
    const here = this.members.get(sid);
    const there = other.members.get(sid);
    if (here?.role !== "participant" || there?.role !== "participant") return false;
    const quorumAddresses = ({ addresses }: Member): string =>
      addresses.map(({ host, quorumPort }) => `${host}:${quorumPort}`).join("|");
    return quorumAddresses(here) === quorumAddresses(there);
  }

  /** The same servers under another version. */
  withVersion(version: Zxid): Membership {
    return new Membership(version, this.members, this.#groups, this.#weights);
  }

  /** Lines joined by a line feed, the version last, as Apache writes them. */
  toString(): string {
    const lines = [...this.members.values()].map(formatMember);
    const byGroup = new Map<number, ServerId[]>();
    for (const [sid, group] of this.#groups) {
      byGroup.set(group, [...(byGroup.get(group) ?? []), sid]);
    }
    for (const [group, sids] of byGroup) lines.push(`group.${group}=${sids.join(":")}`);
    for (const [sid, weight] of this.#weights) lines.push(`weight.${sid}=${weight}`);
    return [...lines, `version=${formatZxid(this.version)}`].join("\n");
  }

  #hasQuorumOfGroups(has: (sid: ServerId) => boolean): boolean {
    const all = new Map<number, number>();
    const won = new Map<number, number>();
    for (const sid of this.voters) {
      const group = this.#groups.get(sid) ?? 0;
      const weight = this.weightOf(sid);
      all.set(group, (all.get(group) ?? 0) + weight);
      if (has(sid)) won.set(group, (won.get(group) ?? 0) + weight);
    }
    // A group without weight neither votes nor is counted.
    const groups = [...all].filter(([, weight]) => weight > 0);
    const wins = groups.filter(([group, weight]) => (won.get(group) ?? 0) > Math.floor(weight / 2));
    return wins.length > Math.floor(groups.length / 2);
  }
}

/** Gathers what the lines of a text say. */
class Lines {
  version: Zxid = 0;
  readonly members: Map<ServerId, Member> = new Map();
  readonly groups: Map<ServerId, number> = new Map();
  readonly weights: Map<ServerId, number> = new Map();

  take(line: string): void {
    const equals = line.indexOf("=");
    const key = line.slice(0, Math.max(0, equals)).trim();
    const value = line.slice(equals + 1).trim();
    const dot = key.indexOf(".");
    const number = dot > 0 ? wholeNumber(key.slice(dot + 1)) : undefined;
    const isTaken =
      key === "version" ? this.#version(value) : this.#numbered(key.slice(0, dot), number, value);
    if (!isTaken) throw new ZkError("BadArguments", `membership line ${JSON.stringify(line)}`);
  }

  #version(value: string): boolean {
    this.version = Number.parseInt(value, 16);
    return HEX.test(value);
  }

  #numbered(key: string, number: number | undefined, value: string): boolean {
    if (number === undefined) return false;
    if (key === "server") return this.#member(number, value);
    if (key === "weight") {
      const weight = wholeNumber(value);
      this.weights.set(number, weight ?? 0);
      return weight !== undefined && weight >= 0;
    }
    if (key !== "group") return false;
    const sids = value.split(":").map(wholeNumber);
    for (const sid of sids) {
      if (sid === undefined || this.groups.has(sid)) return false;
      this.groups.set(sid, number);
    }
    return true;
  }

  #member(sid: ServerId, value: string): boolean {
    const member = parseMember(sid, value);
    if (member === undefined || this.members.has(sid)) return false;
    if (this.members.size >= MEMBERS_MAX) return false;
    this.members.set(sid, member);
    return true;
  }
}

/**
 * Reads what stands behind `server.N=`: `host:quorum:election[:role][;[host:]port[;[host:]port]]`,
 * or several addresses with bars between. Undefined when it cannot be read.
 */
export function parseMember(sid: ServerId, value: string): Member | undefined {
  const semicolon = value.indexOf(";");
  const client = semicolon < 0 ? undefined : parseClient(value.slice(semicolon + 1));
  if (client === "") return undefined;
  const parts = (semicolon < 0 ? value : value.slice(0, semicolon)).split("|");
  const roleAt = /:(participant|observer)$/i.exec(parts.at(-1) ?? "");
  if (roleAt !== null) parts.push((parts.pop() ?? "").slice(0, roleAt.index));
  const addresses = parts.map(parseAddress);
  const role = roleAt?.[1]?.toLowerCase() === "observer" ? "observer" : "participant";
  const isWhole = (address: PeerAddress | undefined): address is PeerAddress =>
    address !== undefined;
  return addresses.every(isWhole) ? { sid, addresses, role, client } : undefined;
}

/** Written out as Apache does: without a host all of them are meant. Empty: cannot be read. */
function parseClient(text: string): string {
  const parts = text.split(";").map((part) => {
    if (part === "") return "";
    const match = /^(?:(\[[^\]]+\]|[^:[\]]+):)?(\d{1,5})$/.exec(part.trim());
    return match === null ? undefined : `${match[1] ?? "0.0.0.0"}:${Number(match[2])}`;
  });
  return parts.length > 2 || parts.includes(undefined) ? "" : parts.join(";");
}

function parseAddress(text: string): PeerAddress | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5}):(\d{1,5})$/.exec(text.trim());
  if (match === null) return undefined;
  const quorumPort = Number(match[3]);
  const electionPort = Number(match[4]);
  if (quorumPort > 65535 || electionPort > 65535 || quorumPort === electionPort) return undefined;
  return { host: match[1] ?? match[2] ?? "", quorumPort, electionPort };
}

function formatMember({ sid, addresses, role, client }: Member): string {
  const texts = addresses.map(({ host, quorumPort, electionPort }) => {
    const name = host.includes(":") ? `[${host}]` : host;
    return `${name}:${quorumPort}:${electionPort}`;
  });
  const tail = client === undefined ? "" : `;${client}`;
  return `server.${sid}=${texts.join("|")}:${role}${tail}`;
}

function wholeNumber(text: string): number | undefined {
  return WHOLE_NUMBER.test(text.trim()) ? Number(text) : undefined;
}
