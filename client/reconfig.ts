import type { JuteReader, JuteWriter } from "../core/wire/jute.ts";
import { readStat, type Stat } from "../core/wire/records.ts";
import type { Zxid } from "../core/wire/zxid.ts";
import { readData } from "./operations.ts";

/** Where every server keeps who the members of the ensemble are. */
export const CONFIG_PATH = "/zookeeper/config";

/** What {@link ClientRequests.reconfig} is to change: `members`, or the other two. */
export interface ReconfigSettings {
  /** Lines `server.N=host:quorumPort:electionPort:role;clientPort` of servers to add or change. */
  readonly joining?: readonly string[] | undefined;
  /** Ids of servers that leave; unknown ones are passed over. */
  readonly leaving?: readonly number[] | undefined;
  /** All lines of the new members, groups and weights too. */
  readonly members?: readonly string[] | undefined;
  /** Refuses with `BadVersion` unless this is the version now; default: any. */
  readonly version?: Zxid | undefined;
}

/** The members of an ensemble. */
export interface ConfigResult {
  /** A line for each server, as `server.N=host:quorumPort:electionPort:role;host:clientPort`. */
  readonly members: readonly string[];
  /** The transaction that made them; 0 where only files name them. */
  readonly version: Zxid;
  readonly stat: Stat;
}

/** Writes the body of a reconfig. */
export function writeReconfig(writer: JuteWriter, settings: ReconfigSettings): void {
  const { joining, leaving, members, version = -1 } = settings;
  for (const part of [joining, leaving, members]) writer.string(part?.join(",") ?? null);
  writer.long(version);
}

/** The body of a reconfig's reply, and of a getData of {@link CONFIG_PATH}. */
export function decodeConfig(reader: JuteReader): ConfigResult {
  const lines = new TextDecoder().decode(readData(reader) ?? undefined).split("\n");
  const isVersion = (line: string): boolean => line.startsWith("version=");
  const version = Number.parseInt(lines.find(isVersion)?.slice("version=".length) ?? "0", 16);
  const members = lines.filter((line) => line !== "" && !isVersion(line));
  return { members, version, stat: readStat(reader) };
}
