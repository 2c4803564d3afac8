import { test } from "uvu";
import * as assert from "uvu/assert";
import { connect, type ZooKeeperClient } from "../../../client/mod.ts";
import { freePorts } from "../../../tools/free_ports.ts";
import { Members } from "./members.ts";

/** What clients and operators get from three voters and an observer, and from one that is alone. */
const [adminPorts, metricsPorts] = [await freePorts(4), await freePorts(4)];
const settingsOf = (index: number): string[] => [
  "readonlymode.enabled=true",
  "localSessionsEnabled=true",
  "localSessionsUpgradingEnabled=true",
  "admin.enableServer=true",
  "admin.serverAddress=127.0.0.1",
  `admin.serverPort=${adminPorts[index]}`,
  "metricsProvider.className=org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider",
  "metricsProvider.httpHost=127.0.0.1",
  `metricsProvider.httpPort=${metricsPorts[index]}`,
  "maxSessionTimeout=60000",
];
const members = await Members.plan([
  { kind: "zookit", settings: settingsOf(0) },
  { kind: "zookit", settings: settingsOf(1) },
  { kind: "zookit", settings: settingsOf(2) },
  { kind: "zookit", role: "observer", settings: settingsOf(3) },
]);
const OBSERVER = 4;

test.after(() => members.discard());

/** The figures of `mntr`, without `zk_`. */
async function figures(id: number): Promise<Map<string, string>> {
  const lines = (await members.ask(id, "mntr")).trim().split("\n");
  return new Map(lines.map((line) => line.slice("zk_".length).split("\t") as [string, string]));
}

async function admin(id: number, command: string): Promise<Record<string, unknown>> {
  const answer = await fetch(`http://127.0.0.1:${adminPorts[id - 1]}/commands/${command}`);
  return (await answer.json()) as Record<string, unknown>;
}

function followersOf(leader: number): number[] {
  return [1, 2, 3].filter((id) => id !== leader);
}

/** Resolves when the client's state is this. @throws Error when it never will be any more. */
function reaches(client: ZooKeeperClient, status: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const subscription = client.state$.subscribe({
      next: (state) => {
        if (state.status !== status) return;
        resolve();
        queueMicrotask(() => subscription.unsubscribe());
      },
      complete: () => reject(new Error(`${client.state.status} instead of ${status}`)),
    });
  });
}

test("an observer takes writes and shows those of others", async () => {
  members.startAll();
  const leader = await members.serving();
  assert.is.not(leader, OBSERVER);
  await using there = await connect({ servers: members.address(OBSERVER) });
  await using here = await connect({ servers: members.address(leader) });
  await there.create("/by-observer", "1");
  await here.create("/by-leader", "2");
  await there.sync("/");
  assert.ok(await there.exists("/by-leader"));
  await here.sync("/");
  assert.ok(await here.exists("/by-observer"));
});

test("a leader tells who follows, and others whom they follow", async () => {
  const leader = await members.serving();
  const [follower = 0] = followersOf(leader);
  const own = await figures(leader);
  const expected = {
    server_state: "leader",
    peer_state: "leading - broadcast",
    quorum_size: "3",
    learners: "3",
    synced_followers: "2",
    synced_non_voting_followers: "0",
    synced_observers: "1",
    pending_syncs: "0",
    leader_id: String(leader),
  };
  for (const [name, value] of Object.entries(expected)) assert.is(own.get(name), value, name);
  for (const name of ["proposal_count", "commit_count", "cnt_quorum_ack_latency"]) {
    assert.ok(Number(own.get(name)) > 0, name);
  }
  for (const id of members.ids) {
    const theirs = await figures(id);
    assert.ok(Number(theirs.get("cnt_election_time")) >= 1, `election_time of ${id}`);
    assert.ok(Number(theirs.get("looking_count")) >= 1, `looking_count of ${id}`);
    assert.is(theirs.get("leader_id"), String(leader));
    const { is_leader, leader_id, leader_ip } = await admin(id, "leader");
    assert.equal([is_leader, leader_id, leader_ip], [id === leader, leader, "127.0.0.1"]);
  }
  const following = await figures(follower);
  assert.is(following.get("peer_state"), "following - broadcast");
  assert.ok(Number(following.get("learner_proposal_received_count")) > 0);
  assert.is(following.has("synced_followers"), false);
  assert.is((await figures(OBSERVER)).get("peer_state"), "observing - broadcast");
  const { synced_observers, observers } = await admin(leader, "observers");
  assert.is(synced_observers, 1);
  const [{ sid, ...seen }] = observers as [Readonly<Record<string, unknown>>];
  assert.is(sid, OBSERVER);
  assert.match(String(seen["remote_socket_address"]), /^\/127\.0\.0\.1:\d+$/);
  assert.ok(Number(seen["packets_sent"]) > 0 && Number(seen["packets_received"]) > 0);
  assert.ok(Number(seen["last_zxid"]) > 0 && Number(seen["established"]) <= Date.now());
  const view = (await admin(follower, "voting_view"))["current_config"] as object;
  assert.equal(Object.keys(view), ["1", "2", "3"]);
  assert.match(await members.ask(leader, "conf"), /\ninitLimit=20\nsyncLimit=6\nelectionAlg=3\n/);
  const metrics = await fetch(`http://127.0.0.1:${metricsPorts[leader - 1]}/metrics`);
  const text = await metrics.text();
  assert.match(text, /^quorum_size 3$/m);
  assert.match(text, /^election_time_count \d+$/m);
  assert.match(text, /^synced_followers 2$/m);
});

test("a local session is known to its server alone, until it makes an ephemeral", async () => {
  const leader = await members.serving();
  const [one = 0, two = 0] = followersOf(leader);
  const before = Number((await figures(two)).get("global_sessions"));
  await using client = await connect({ servers: members.address(one) });
  await client.create("/by-local-session", "");
  assert.is((await figures(one)).get("local_sessions"), "1");
  assert.is(Number((await figures(two)).get("global_sessions")), before);
  await client.create("/ephemeral", "", { mode: "ephemeral" });
  assert.is((await figures(one)).get("local_sessions"), "0");
  await using other = await connect({ servers: members.address(two) });
  await other.sync("/");
  assert.is(Number((await figures(two)).get("global_sessions")), before + 1);
  const owner = (await other.exists("/ephemeral"))?.ephemeralOwner;
  assert.is(owner, client.session.id);
});

test("a server without a quorum lets clients go, and serves who will only read", async () => {
  const leader = await members.serving();
  const [last = 0, other = 0] = followersOf(leader);
  const servers = members.address(last);
  // Sessions that live for longer than there is no quorum: it takes the start of a server.
  const usual = await connect({ servers, timeoutMs: 60_000 });
  const reader = await connect({ servers, timeoutMs: 60_000, readOnly: true });
  await members.signal(OBSERVER, "SIGKILL");
  await members.signal(other, "SIGKILL");
  await members.signal(leader, "SIGKILL");
  await reaches(usual, "suspended");
  await reaches(reader, "read-only");
  assert.is(await members.ask(last, "isro"), "ro");
  assert.match(await members.ask(last, "srvr"), /READ-ONLY mode; .*\n(.*\n)*Mode: read-only\n/);
  assert.is((await figures(last)).get("peer_state"), "looking - election");
  const { data } = await reader.getData("/by-leader");
  assert.is(new TextDecoder().decode(data ?? undefined), "2");
  const refused = await reader.create("/refused", "").catch((error: unknown) => error);
  assert.is((refused as { kind?: string }).kind, "NotReadOnly");
  assert.is.not(usual.state.status, "connected");
  members.start(other);
  await Promise.all([reaches(usual, "connected"), reaches(reader, "connected")]);
  await reader.create("/taken", "");
  assert.ok(await usual.exists("/taken"));
  await Promise.all([usual.close(), reader.close()]);
});

test.run();
