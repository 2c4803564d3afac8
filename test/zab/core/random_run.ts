/** One run of the cluster from a seed. */
import * as assert from "uvu/assert";
import { Cluster, memberLine, randomFrom } from "./cluster.ts";
import { reconfigRequest, writeRequest } from "./node.ts";

const STEPS = 4000;
/** Part of the steps in which somebody asks for other members, where these change. */
const RECONFIG_SHARE = 0.01;
/** Time in which a healed cluster must serve again, ms. */
const HEAL_MS = 20_000;

/** What a run is like besides the number of voters. */
export interface RunSettings {
  readonly observers?: number;
  /** Servers that may become members; from 1 on, members change all the time. */
  readonly joiners?: number;
  readonly onStart?: (cluster: Cluster) => void;
}

/** One run of a seed: disturbed, then healed. */
export function run(
  seed: number,
  voters: number,
  { observers = 0, joiners = 0, onStart }: RunSettings = {},
): Cluster {
  const random = randomFrom(seed * 7919 + voters);
  const pick = (count: number): number => Math.floor(random() * count);
  const cluster = new Cluster(voters, observers, { joiners, reconfigEnabled: joiners > 0 });
  onStart?.(cluster);
  const { nodes } = cluster;
  // Some runs are calm for long, others hardly ever.
  const trouble = random() < 0.3 ? 0.001 : 0.006;
  const diskShare = random() < 0.5 ? 0.25 : 0.08;
  let cxid = 0;
  for (let step = 0; step < STEPS; step++) {
    const dice = random();
    if (dice < trouble) disturb(cluster, random);
    if (joiners > 0 && random() < RECONFIG_SHARE) reconfigure(cluster, pick, ++cxid);
    const node = nodes[pick(nodes.length)]!;
    const what = random();
    if (what < 0.3) moveLink(cluster, pick);
    else if (what < 0.4) moveVote(cluster, pick);
    else if (what < 0.45) cluster.finishDial();
    else if (what < 0.45 + diskShare) node.finishWork(cluster.nowMs);
    else if (what < 0.82) node.step({ kind: "flush" }, cluster.nowMs);
    else if (what < 0.92) node.step(writeRequest(++cxid), cluster.nowMs);
    else if (what < 0.925) node.checkpoint();
    else cluster.advance(pick(30));
  }
  heal(cluster);
  return cluster;
}

/** Asks somebody for any change of members that comes to mind. */
function reconfigure(cluster: Cluster, pick: (count: number) => number, cxid: number): void {
  const { nodes } = cluster;
  const node = nodes[pick(nodes.length)]!;
  const roleOf = () => (pick(4) === 0 ? "observer" : "participant");
  const lines = nodes.filter(() => pick(3) > 0).map(({ sid }) => memberLine(sid, roleOf()));
  const whole = { members: lines.join(",") };
  const leaving = pick(3) === 0 ? null : String(1 + pick(nodes.length));
  const joining = pick(3) === 0 ? null : memberLine(1 + pick(nodes.length), roleOf());
  const request =
    pick(3) === 0
      ? reconfigRequest(cxid, null, null, whole)
      : reconfigRequest(cxid, leaving, joining);
  node.step(request, cluster.nowMs);
}

function moveLink(cluster: Cluster, pick: (count: number) => number): void {
  const links = [...cluster.links.values()];
  const link = links[pick(links.length)];
  if (link === undefined || cluster.isCut(link.dialler, link.acceptor)) return;
  for (let count = pick(4); count >= 0; count--) cluster.deliverOn(link, pick(2) === 0);
}

function moveVote(cluster: Cluster, pick: (count: number) => number): void {
  const keys = [...cluster.votes.keys()];
  const key = keys[pick(keys.length)];
  if (key !== undefined) cluster.deliverVote(key);
}

function disturb(cluster: Cluster, random: () => number): void {
  const pick = (count: number): number => Math.floor(random() * count);
  const sid = 1 + pick(cluster.nodes.length);
  const other = 1 + pick(cluster.nodes.length);
  const what = random();
  if (what < 0.08) {
    for (const node of cluster.nodes) if (node.isUp) cluster.crash(node.sid, random() < 0.5);
  } else if (what < 0.35) {
    if (cluster.node(sid).isUp) cluster.crash(sid, random() < 0.5);
  } else if (what < 0.75) {
    for (const node of cluster.nodes) if (!node.isUp && random() < 0.7) node.start(cluster.nowMs);
  } else if (what < 0.85) {
    if (sid !== other) cluster.cut(sid, other);
  } else if (what < 0.93) {
    cluster.cuts.clear();
  } else {
    for (const link of cluster.links.values()) if (random() < 0.5) cluster.breakLink(link.id, 0);
  }
}

function heal(cluster: Cluster): void {
  cluster.cuts.clear();
  for (const node of cluster.nodes) if (!node.isUp) node.start(cluster.nowMs);
  cluster.settle(HEAL_MS);
  const idle = cluster.nodes.filter((node) => !node.isServing).map(({ sid }) => sid);
  assert.equal(idle, [], "servers that do not serve");
  const memberships = new Set(cluster.nodes.map(({ core }) => core?.membership));
  if (cluster.hasReconfigs) assert.is(memberships.size, 1, "servers agree who the members are");
  const before = cluster.history.length;
  for (const node of cluster.nodes) node.step(writeRequest(1_000_000 + node.sid), cluster.nowMs);
  cluster.settle(100);
  assert.is(cluster.history.length, before + cluster.nodes.length);
  for (const { tree } of cluster.nodes) {
    assert.equal(tree, cluster.history);
  }
}
