/** One run of the cluster from a seed. */
import * as assert from "uvu/assert";
import { Cluster, randomFrom } from "./cluster.ts";
import { writeRequest } from "./node.ts";

const STEPS = 4000;
/** Time in which a healed cluster must serve again, ms. */
const HEAL_MS = 20_000;

/** One run of a seed: disturbed, then healed. */
export function run(
  seed: number,
  voters: number,
  observers = 0,
  onStart?: (cluster: Cluster) => void,
): Cluster {
  const random = randomFrom(seed * 7919 + voters);
  const pick = (count: number): number => Math.floor(random() * count);
  const cluster = new Cluster(voters, observers);
  onStart?.(cluster);
  const { nodes } = cluster;
  // Some runs are calm for long, others hardly ever.
  const trouble = random() < 0.3 ? 0.001 : 0.006;
  const diskShare = random() < 0.5 ? 0.25 : 0.08;
  let cxid = 0;
  for (let step = 0; step < STEPS; step++) {
    const dice = random();
    if (dice < trouble) disturb(cluster, random);
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
  const before = cluster.history.length;
  for (const node of cluster.nodes) node.step(writeRequest(1_000_000 + node.sid), cluster.nowMs);
  cluster.settle(100);
  assert.is(cluster.history.length, before + cluster.nodes.length);
  for (const { tree } of cluster.nodes) {
    assert.equal(tree, cluster.history);
  }
}
