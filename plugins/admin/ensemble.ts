import type { AdminReply, AdminValue } from "../../core/contracts/admin.ts";
import type { LearnerFigures } from "../../core/contracts/consensus.ts";
import type { ServerInspection } from "../../core/contracts/inspection.ts";
import { counterOf, epochOf, formatZxid } from "../../core/wire/zxid.ts";
import { formatPeer } from "./format.ts";

type Fields = NonNullable<AdminReply["fields"]>;

/** One line of the membership. */
interface Member {
  readonly id: number;
  readonly quorumAddresses: readonly string[];
  readonly electionAddresses: readonly string[];
  /** Empty where the line names none. */
  readonly clientAddress: string;
  readonly isVoting: boolean;
}

/** What `leader` answers; the number is -1, as in Apache, when nobody leads. */
export function leaderOf(server: ServerInspection): Fields {
  const { ensemble, status } = server;
  if (ensemble === undefined) return { error: "server is not initialized" };
  const { leaderId } = ensemble;
  const leader = membersOf(server).find(({ id }) => id === leaderId);
  return {
    is_leader: status.role === "leader",
    leader_id: leaderId,
    leader_ip: (leader?.quorumAddresses[0] ?? "").replace(/:\d+$/, ""),
  };
}

/** What `conf` tells of a member, under Apache's names. */
export function quorumSettings(server: ServerInspection): (readonly [string, number])[] {
  const { ensemble, status } = server;
  if (ensemble === undefined) return [];
  const own = membersOf(server).find(({ id }) => id === status.serverId);
  return [
    ["initLimit", ensemble.initLimit],
    ["syncLimit", ensemble.syncLimit],
    ["electionAlg", FAST_LEADER_ELECTION],
    ["electionPort", portOf(own?.electionAddresses[0])],
    ["quorumPort", portOf(own?.quorumAddresses[0])],
    ["peerType", own?.isVoting === false ? 1 : 0],
  ];
}

/** The only one that Apache's servers still have. */
const FAST_LEADER_ELECTION = 3;

function portOf(address = ""): number {
  return Number(/\d+$/.exec(address)?.[0] ?? -1);
}

/** What `learners` answers, which Apache has not: those of a leader, and how far they are. */
export function learnersOf({ ensemble, status }: ServerInspection): Fields {
  if (ensemble?.leading === undefined) return { error: "this server does not lead" };
  const learners = ensemble.leading.learners.map((learner) => ({
    sid: learner.id,
    is_observer: learner.isObserver,
    is_voting: learner.isVoting,
    is_synced: learner.isSynced,
    acked_zxid: `0x${formatZxid(learner.ackedZxid)}`,
    lag: learner.lag,
  }));
  return { epoch: status.epoch, pending_syncs: ensemble.leading.pendingSyncs, learners };
}

/** What `observers` answers, with Apache's keys and order (`LearnerHandler`). */
export function observersOf(server: ServerInspection): Fields {
  const observers = syncedObservers(server);
  return {
    synced_observers: observers.length,
    observers: observers.map(observerOf),
  };
}

/** Observers that serve; none where this server does not lead. */
export function syncedObservers({ ensemble }: ServerInspection): readonly LearnerFigures[] {
  const learners = ensemble?.leading?.learners ?? [];
  return learners.filter(({ isObserver, isSynced }) => isObserver && isSynced);
}

function observerOf({ id, traffic }: LearnerFigures): AdminValue {
  if (traffic === undefined) return { remote_socket_address: "<null>", sid: id };
  return {
    remote_socket_address: formatPeer(traffic.peer),
    sid: id,
    established: traffic.establishedMs,
    queued_packets: traffic.queuedPackets,
    queued_packets_size: traffic.queuedBytes,
    packets_received: traffic.received,
    packets_sent: traffic.sent,
    requests: traffic.requests,
    last_zxid: traffic.lastZxid,
  };
}

/** What `voting_view` answers: who may vote, by number. */
export function votingView(server: ServerInspection): AdminValue {
  const voting = membersOf(server).filter(({ isVoting }) => isVoting);
  return new Map(
    voting.map((member) => [
      String(member.id),
      {
        server_addresses: member.quorumAddresses,
        election_addresses: member.electionAddresses,
        client_address: member.clientAddress,
        learner_type: "participant",
      },
    ]),
  );
}

/** What `zabstate` answers. */
export function zabState(server: ServerInspection): Fields {
  const { role, serverId, serving } = server.status;
  if (role === "standalone") return { voting: false, zabstate: "" };
  const own = membersOf(server).find(({ id }) => id === serverId);
  const { lastZxid } = server.stats();
  const atWork = serving === "read-write" ? "broadcast" : "synchronization";
  return {
    myid: serverId,
    is_leader: role === "leader",
    quorum_address: own?.quorumAddresses[0] ?? "",
    election_address: own?.electionAddresses[0] ?? "",
    client_address: own?.clientAddress ?? "",
    voting: own?.isVoting ?? false,
    last_zxid: `0x${formatZxid(lastZxid)}`,
    zab_epoch: epochOf(lastZxid),
    zab_counter: counterOf(lastZxid),
    zabstate: role === "looking" ? "election" : atWork,
  };
}

const LINE = /^server\.(\d+)=([^;]*)(?:;(.*))?$/;
const ADDRESS = /(\[[^\]]+\]|[^:|]+):(\d+):(\d+)(?::(participant|observer))?/g;

function membersOf({ membership }: ServerInspection): Member[] {
  const members: Member[] = [];
  for (const line of membership.split("\n")) {
    const [, id, text = "", clientAddress = ""] = LINE.exec(line.trim()) ?? [];
    if (id === undefined) continue;
    const addresses = [...text.matchAll(ADDRESS)];
    members.push({
      id: Number(id),
      quorumAddresses: addresses.map(([, host, quorum]) => `${host}:${quorum}`),
      electionAddresses: addresses.map(([, host, , election]) => `${host}:${election}`),
      clientAddress,
      isVoting: !addresses.some(([, , , , role]) => role === "observer"),
    });
  }
  return members;
}
