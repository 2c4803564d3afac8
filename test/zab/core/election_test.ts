import { test } from "uvu";
import * as assert from "uvu/assert";
import { makeZxid } from "../../../core/wire/zxid.ts";
import type { Effect } from "../../../plugins/zab/core/effect.ts";
import { answer, Election } from "../../../plugins/zab/core/election.ts";
import { Membership } from "../../../plugins/zab/core/membership.ts";
import { Peer } from "../../../plugins/zab/core/peer.ts";
import type { Notification } from "../../../plugins/zab/messages.ts";

const FIVE = [1, 2, 3, 4, 5].map((sid) => `server.${sid}=h:1:2:participant`);

/** Server 2 of five, with an observer 6; currentEpoch 3, log to 3:10. */
function peerOf(changes: { sid?: number; lines?: string[]; isReconfigEnabled?: true } = {}): Peer {
  const lines = changes.lines ?? [...FIVE, "server.6=h:1:2:observer"];
  const peer = new Peer({
    serverId: changes.sid ?? 2,
    membership: lines.join("\n"),
    peerType: "participant",
    tickTimeMs: 100,
    initLimit: 10,
    syncLimit: 5,
    commitLogCount: 10,
    snapshotSizeFactor: 0.33,
    readOnlyMode: false,
    reconfigEnabled: changes.isReconfigEnabled === true,
    standaloneEnabled: true,
  });
  peer.currentEpoch = 3;
  peer.log.reset(makeZxid(3, 10));
  return peer;
}

function looking(leader: number, changes: Partial<Notification> = {}): Notification {
  return {
    state: "looking",
    leader,
    zxid: makeZxid(3, 10),
    round: 1,
    peerEpoch: 3,
    version: 2,
    membership: undefined,
    isZookit: false,
    ...changes,
  };
}

function sent(peer: Peer): (Effect & { kind: "notify" })[] {
  return peer.takeEffects().filter((effect) => effect.kind === "notify");
}

function begin(peer: Peer = peerOf()): { peer: Peer; election: Election } {
  const election = new Election(peer);
  sent(peer);
  return { peer, election };
}

function pass(peer: Peer, election: Election, ms: number): void {
  peer.nowMs += ms;
  election.tick();
}

test("an election begins with the own vote to every other voter", () => {
  const peer = peerOf();
  new Election(peer);
  const votes = sent(peer);
  assert.equal(
    votes.map(({ to }) => to),
    [1, 3, 4, 5],
  );
  const { leader, zxid, peerEpoch, round, state } = votes[0]!.vote;
  assert.equal([leader, zxid, peerEpoch, round, state], [2, makeZxid(3, 10), 3, 1, "looking"]);
});

test("every vote carries the whole membership, without which Apache's servers go deaf", () => {
  const peer = peerOf();
  new Election(peer);
  for (const { vote } of sent(peer)) assert.is(vote.membership, peer.membership.toString());
});

test("a vote for a later epoch, a longer log, a higher id is adopted and passed on", () => {
  for (const better of [
    looking(1, { peerEpoch: 4, zxid: 0 }),
    looking(1, { zxid: makeZxid(3, 11) }),
    looking(3),
  ]) {
    const { peer, election } = begin();
    election.receive(3, better);
    assert.is(peer.vote.leader, better.leader);
    assert.is(sent(peer).length, 4);
  }
  const { peer, election } = begin();
  election.receive(1, looking(1));
  assert.is(peer.vote.leader, 2);
  assert.is(sent(peer).length, 0);
});

test("a quorum decides once nothing better came for 200 ms", () => {
  const { peer, election } = begin();
  election.receive(3, looking(3));
  election.receive(4, looking(3));
  pass(peer, election, 199);
  assert.is(election.outcome, undefined);
  pass(peer, election, 1);
  assert.is(election.outcome?.leader, 3);
});

test("a better vote within that time starts it anew", () => {
  const { peer, election } = begin();
  election.receive(3, looking(3));
  election.receive(4, looking(3));
  pass(peer, election, 150);
  election.receive(5, looking(5));
  pass(peer, election, 100);
  assert.is(election.outcome, undefined);
  assert.is(peer.vote.leader, 5);
});

test("the wait is short where every voter runs this program, and none where all have voted", () => {
  const { peer, election } = begin();
  for (const sid of [1, 3, 4, 5]) peer.zookits.add(sid);
  election.receive(3, looking(3));
  election.receive(4, looking(3));
  pass(peer, election, 20);
  assert.is(election.outcome?.leader, 3);
  const all = begin();
  for (const sid of [1, 3, 4, 5]) all.election.receive(sid, looking(5));
  assert.is(all.election.outcome?.leader, 5);
});

test("a later round is joined with the better of its vote and the own first one", () => {
  const { peer, election } = begin();
  election.receive(3, looking(3));
  sent(peer);
  election.receive(1, looking(1, { round: 7 }));
  assert.is(peer.round, 7);
  assert.equal(peer.vote, { leader: 2, zxid: makeZxid(3, 10), peerEpoch: 3, round: 7 });
  assert.is(sent(peer).length, 4);
});

test("a vote of an earlier round counts for nothing and is answered", () => {
  const { peer, election } = begin();
  peer.round = 5;
  const old = looking(5, { round: 4 });
  election.receive(5, old);
  assert.is(peer.vote.leader, 2);
  answer(peer, 5, old);
  assert.is(sent(peer)[0]?.to, 5);
});

test("votes of observers, and for those who are no voters, are ignored", () => {
  const { peer, election } = begin();
  election.receive(6, looking(5));
  election.receive(3, looking(6));
  election.receive(3, looking(77));
  assert.is(peer.vote.leader, 2);
});

test("a server of weight 0 never wins", () => {
  const lines = [...FIVE, "group.1=1:2:3:4:5", "weight.5=0"];
  const { peer, election } = begin(peerOf({ lines }));
  election.receive(5, looking(5, { zxid: makeZxid(3, 99) }));
  assert.is(peer.vote.leader, 2);
});

test("a server that will have no weight may lead while its vote is still needed", () => {
  const peer = peerOf({ isReconfigEnabled: true });
  const lines = [...FIVE, "group.1=1:2:3:4:5", "weight.5=0", "version=300000005"];
  peer.proposeMembership(Membership.read(lines.join("\n")));
  const { election } = begin(peer);
  election.receive(5, looking(5));
  assert.is(peer.vote.leader, 5);
});

test("a settled ensemble is joined when a quorum and its leader agree on leader and epoch", () => {
  const { election, peer } = begin();
  // Zxids and rounds differ for good among those who settled (ZOOKEEPER-1732, 1805).
  const settled = (sid: number, round: number): Notification =>
    looking(4, {
      state: sid === 4 ? "leading" : "following",
      round,
      peerEpoch: 9,
      zxid: makeZxid(2, sid),
    });
  election.receive(1, settled(1, 8));
  election.receive(3, settled(3, 9));
  election.receive(5, settled(5, 8));
  assert.is(election.outcome, undefined);
  election.receive(4, settled(4, 8));
  assert.is(election.outcome?.leader, 4);
  assert.is(peer.round, 8);
});

test("a leader that says of itself that it follows is not joined", () => {
  const { election } = begin();
  for (const sid of [1, 3, 4]) election.receive(sid, looking(4, { state: "following", round: 8 }));
  assert.is(election.outcome, undefined);
});

test("everybody is asked again after 200 ms, then twice as long each time, up to 3.2 s", () => {
  const { peer, election } = begin();
  const gaps: number[] = [];
  for (let count = 0; count < 12; count++) {
    const gap = election.nextTickMs - peer.nowMs;
    gaps.push(gap);
    pass(peer, election, gap);
    assert.is(sent(peer).length, 4);
  }
  assert.equal(gaps.slice(0, 4), [200, 400, 800, 1600]);
  assert.is(gaps.at(-1), 3_200);
});

test("what is heard delays no question", () => {
  const { peer, election } = begin(peerOf({ sid: 6 }));
  const due = election.nextTickMs;
  peer.nowMs += 100;
  election.receive(2, looking(2, { state: "following" }));
  assert.is(election.nextTickMs, due);
});

test("an observer has no vote, and joins whom the voters follow", () => {
  const { peer, election } = begin(peerOf({ sid: 6 }));
  assert.ok(peer.vote.leader < 0);
  for (const sid of [1, 2, 3]) election.receive(sid, looking(3));
  pass(peer, election, 200);
  assert.is(election.outcome?.leader, 3);
});

test("settled servers answer those who look; nobody answers those who do not", () => {
  const peer = peerOf();
  peer.state = "following";
  answer(peer, 3, looking(3, { round: 99 }));
  answer(peer, 6, looking(6));
  answer(peer, 3, looking(3, { state: "leading" }));
  assert.equal(
    sent(peer).map(({ to }) => to),
    [3, 6],
  );
  const observer = peerOf({ sid: 6 });
  observer.state = "observing";
  answer(observer, 3, looking(3)); // To whom it is a voter, by members that never came into force.
  answer(observer, 3, looking(3, { state: "following" }));
  observer.state = "looking";
  answer(observer, 3, looking(3));
  assert.equal(
    sent(observer).map(({ to }) => to),
    [3],
  );
});

test.run();
