import type { AdminReply, AdminValue } from "../../core/contracts/admin.ts";
import type { ServerInspection } from "../../core/contracts/inspection.ts";
import { counterOf, epochOf, formatZxid } from "../../core/wire/zxid.ts";

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

/** What `leader` answers: that of a follower is not told, -1 as in Apache when nobody knows. */
export function leaderOf(server: ServerInspection): Fields {
  const { role, serverId } = server.status;
  if (role === "standalone") return { error: "server is not initialized" };
  const isLeader = role === "leader";
  const own = membersOf(server).find(({ id }) => id === serverId);
  return {
    is_leader: isLeader,
    leader_id: isLeader ? serverId : -1,
    leader_ip: isLeader ? (own?.quorumAddresses[0] ?? "").replace(/:\d+$/, "") : "",
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
