import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { ServerInspection } from "../../../core/contracts/inspection.ts";
import {
  FourLetterWords,
  type FourLetterWordsOptions,
  SERVER_VERSION,
} from "../../../plugins/admin/mod.ts";
import { PlainMetrics } from "../../../plugins/metrics/mod.ts";
import { ConsoleLogger } from "../../../plugins/system/mod.ts";
import { ask, bytesOf, LEADING, RecordedConnection, sampleInspection } from "./sample.ts";

const LOGGER = new ConsoleLogger("silent");

function asker(
  options: FourLetterWordsOptions = { whitelist: ["*"] },
  server: ServerInspection = sampleInspection(),
  metrics = new PlainMetrics(),
): (word: string, ...chunks: Uint8Array[]) => Promise<string | undefined> {
  const words = new FourLetterWords(server, metrics, LOGGER, options);
  return (word, ...chunks) => ask((bytes, to) => words.claim(bytes, to), word, ...chunks);
}

const SUMMARY = [
  "Latency min/avg/max: 0/0.5123/12",
  "Received: 12",
  "Sent: 13",
  "Connections: 2",
  "Outstanding: 0",
  "Zxid: 0x100000017",
  "Mode: standalone",
  "Node count: 9",
  "",
].join("\n");
const VERSION = `Zookeeper version: ${SERVER_VERSION}\n`;

test("srvr is answered whatever the whitelist says", async () => {
  for (const whitelist of [[], ["ruok"], ["*"]]) {
    assert.is(await asker({ whitelist })("srvr"), VERSION + SUMMARY);
  }
});

test("a word that is not in the whitelist is named in the refusal", async () => {
  const refusal = (word: string): string =>
    `${word} is not executed because it is not in the whitelist.\n`;
  const ask = asker({ whitelist: ["ruok"] });
  assert.is(await ask("ruok"), "imok");
  for (const word of ["stat", "mntr", "isro", "stmk", "crst"]) {
    assert.is(await ask(word), refusal(word));
  }
});

test("isro is answered without a whitelist where read-only mode is enabled", async () => {
  assert.is(await asker({ readOnlyModeEnabled: true })("isro"), "rw");
});

test("what is no word is left alone: it may be the length of a frame", async () => {
  const ask = asker();
  for (const bytes of ["xxxx", "\0\0\0,", "RUOK", "ruo"]) assert.is(await ask(bytes), undefined);
});

test("stat lists connections, then what srvr says", async () => {
  const clients = [
    "Clients:",
    " /127.0.0.1:50222[1](queued=0,recved=5,sent=6)",
    " /[::1]:50222[0](queued=0,recved=1,sent=0)",
    "",
    "",
  ].join("\n");
  assert.is(await asker()("stat"), VERSION + clients + SUMMARY);
});

test("cons tells all about connections that have a session", async () => {
  const full =
    "sid=0x10000196fe30000,lop=GETC,est=1795317194784,to=10000,lcxid=0x1a,lzxid=0x8," +
    "lresp=1787835,llat=1,minlat=0,avglat=0,maxlat=3";
  const lines = [
    ` /127.0.0.1:50222[1](queued=0,recved=5,sent=6,${full})`,
    " /[::1]:50222[0](queued=0,recved=1,sent=0)",
    "",
    "",
  ];
  assert.is(await asker()("cons"), lines.join("\n"));
});

test("a fresh session has no lcxid, and the zxid -1", async () => {
  const [first] = sampleInspection().connections();
  assert.ok(first?.session !== undefined);
  const session = { ...first.session, lastOpcode: undefined, lastCxid: undefined, lastZxid: -1 };
  const server = sampleInspection({ connections: () => [{ ...first, session }] });
  const line = (await asker({ whitelist: ["*"] }, server)("cons")) ?? "";
  assert.match(line, /,lop=NA,est=\d+,to=10000,lzxid=0xffffffffffffffff,lresp=/);
});

test("mntr begins with version and state, and no figure comes twice", async () => {
  const metrics = new PlainMetrics();
  metrics.counter("commit_count", "help").value = 4;
  metrics.gauge("znode_count", "counted by another plugin too", () => -7);
  const summary = metrics.summary("fsynctime", "help");
  summary.observe(1);
  summary.observe(2);
  const text = (await asker({ whitelist: ["mntr"] }, sampleInspection(), metrics)("mntr")) ?? "";
  const pairs = text
    .trimEnd()
    .split("\n")
    .map((line) => line.split("\t"));
  assert.equal(pairs.slice(0, 2), [
    ["zk_version", SERVER_VERSION],
    ["zk_server_state", "standalone"],
  ]);
  const values = new Map(pairs.map(([key = "", value = ""]) => [key, value]));
  assert.is(values.size, pairs.length);
  const expected = {
    zk_avg_latency: "0.5123",
    zk_znode_count: "9",
    zk_uptime: "85015",
    zk_outstanding_tls_handshake: "4",
    zk_non_mtls_local_conn_count: "6",
    zk_non_mtls_remote_conn_count: "7",
    zk_connection_drop_probability: "0.0",
    zk_commit_count: "4",
    zk_avg_fsynctime: "1.5",
    zk_cnt_fsynctime: "2",
    zk_sum_fsynctime: "3",
  };
  for (const [key, value] of Object.entries(expected)) assert.is(values.get(key), value, key);
});

test("a leader tells what it does, who follows, and how far they are", async () => {
  const ask = asker({ whitelist: ["*"] }, sampleInspection(LEADING));
  assert.match((await ask("srvr")) ?? "", /Mode: leader\n.*\nProposal sizes.*: 56\/36\/267\n/);
  const text = (await ask("mntr")) ?? "";
  assert.match(
    text,
    /^zk_version.*\nzk_server_state\tleader\nzk_peer_state\tleading - broadcast\n/,
  );
  const figures = {
    quorum_size: 3,
    learners: 3,
    synced_followers: 1,
    synced_non_voting_followers: 0,
    synced_observers: 1,
    pending_syncs: 1,
    leader_uptime: 70_000,
    last_proposal_size: 56,
    learner_lag_max: 2,
    current_epoch: 1,
    leader_id: 2,
  };
  for (const [name, value] of Object.entries(figures)) {
    assert.ok(text.includes(`\nzk_${name}\t${value}\n`), name);
  }
});

test("conf of a member ends with its limits, ports and members", async () => {
  const conf = (await asker({ whitelist: ["*"] }, sampleInspection(LEADING))("conf")) ?? "";
  const limits = ["initLimit=10", "syncLimit=5", "electionAlg=3", "electionPort=3888"];
  const rest = [...limits, "quorumPort=2888", "peerType=0", "membership: ", LEADING.membership];
  assert.ok(conf.endsWith(rest.join("\n")), conf);
});

test("a member that looks for a leader says so", async () => {
  const status = { role: "looking", serving: "read-only", serverId: 2, epoch: 1 } as const;
  const ensemble = { leaderId: -1, voterCount: 3, initLimit: 10, syncLimit: 5, leading: undefined };
  const server = sampleInspection({ ...LEADING, status, ensemble });
  const text = (await asker({ whitelist: ["*"] }, server)("mntr")) ?? "";
  assert.match(text, /\nzk_server_state\tread-only\nzk_peer_state\tlooking - election\n/);
  assert.not.match(text, /zk_learners/);
});

test("conf and dirs tell the size of the data directory, with what is below it", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "zookit-"));
  try {
    writeFileSync(join(dataDir, "log.db"), new Uint8Array(1_000));
    const ask = asker({ whitelist: ["conf", "dirs"], dataDir });
    const pairs = [
      "clientPort=2181",
      "secureClientPort=-1",
      `dataDir=${dataDir}`,
      "dataDirSize=1000",
      `dataLogDir=${dataDir}`,
      "dataLogSize=1000",
      "tickTime=2000",
      "maxClientCnxns=60",
      "minSessionTimeout=4000",
      "maxSessionTimeout=40000",
      "clientPortListenBacklog=-1",
      "serverId=0",
      "",
    ];
    assert.is(await ask("conf"), pairs.join("\n"));
    assert.is(await ask("dirs"), "datadir_size: 1000\nlogdir_size: 1000\n");
  } finally {
    rmSync(dataDir, { recursive: true });
  }
  assert.is(await asker()("dirs"), "datadir_size: 0\nlogdir_size: 0\n");
});

test("dump shows sessions, ephemerals and connections, with Java's dates", async () => {
  const text = (await asker()("dump")) ?? "";
  const date = "(Mon|Tue|Wed|Thu|Fri|Sat|Sun) \\w{3} \\d\\d \\d\\d:\\d\\d:\\d\\d \\S+ \\d{4}";
  const lines = text.split("\n");
  for (const index of [2, 11]) {
    assert.match(lines[index] ?? "", new RegExp(`^1 expire at ${date}:$`));
  }
  assert.equal(
    lines.filter((_, index) => index !== 2 && index !== 11),
    [
      "SessionTracker dump:",
      "Session Sets (1)/(1):",
      "\t0x10000196fe30000",
      "ephemeral nodes dump:",
      "Sessions with Ephemerals (1):",
      "0x10000196fe30000:",
      "\t/t/e",
      "\t/t/e2",
      "Connections dump:",
      "Connections Sets (1)/(1):",
      "\tip: /127.0.0.1:50222 sessionId: 0x10000196fe30000",
      "",
    ],
  );
});

test("the watch words count and list data watches by path and by session", async () => {
  const ask = asker();
  assert.is(await ask("wchs"), "1 connections watching 2 paths\nTotal watches:2\n");
  assert.is(await ask("wchc"), "0x10000196fe30000\n\t/t/no\n\t/t\n\n");
  assert.is(await ask("wchp"), "/t/no\n\t0x10000196fe30000\n/t\n\t0x10000196fe30000\n\n");
});

test("hash gives zxid and digest of each noted transaction", async () => {
  assert.is(await asker()("hash"), "80: 1099511627776\n");
});

test("crst and srst reset what they name", async () => {
  const calls: string[] = [];
  const server = sampleInspection({
    resetConnectionStats: () => void calls.push("connections"),
    resetServerStats: () => void calls.push("server"),
  });
  const ask = asker({ whitelist: ["crst", "srst"] }, server);
  assert.is(await ask("crst"), "Connection stats reset.\n");
  assert.is(await ask("srst"), "Server stats reset.\n");
  assert.equal(calls, ["connections", "server"]);
});

test("stmk takes its mask in any pieces and gtmk shows it", async () => {
  const ask = asker();
  assert.is(await ask("gtmk"), "306");
  const mask = new Uint8Array([0, 0, 0, 0, 0, 0, 2, 0, 10]);
  assert.is(await ask("stmk", mask.subarray(0, 3), mask.subarray(3)), "512");
  assert.is(await ask("gtmk"), "512");
  assert.is(await ask("stmk", new Uint8Array(8).fill(255)), "-1");
});

test("stmk whose sender stops in the middle is ended without an answer", () => {
  const words = new FourLetterWords(sampleInspection(), new PlainMetrics(), LOGGER, {
    whitelist: ["stmk"],
  });
  const connection = new RecordedConnection();
  const sink = words.claim(bytesOf("stmk"), connection);
  sink?.chunk(new Uint8Array(7));
  sink?.ended();
  assert.equal([connection.text, connection.state], ["", "ended"]);
});

test("a server that does not serve says so, but is alive", async () => {
  const status = { role: "looking", serving: "none", serverId: 1, epoch: 0 } as const;
  const ask = asker({ whitelist: ["*"] }, sampleInspection({ status }));
  for (const word of ["srvr", "mntr", "cons", "wchs", "dirs"]) {
    const sentence = "This ZooKeeper instance is not currently serving requests\n";
    assert.is(await ask(word), sentence, word);
  }
  assert.is(await ask("ruok"), "imok");
  assert.is(await ask("isro"), "null");
  assert.match((await ask("envi")) ?? "", /^Environment:\nzookeeper.version=3\.9\.\d+-zookit/);
});

test("a read-only server says so in srvr, mntr and isro", async () => {
  const status = { role: "looking", serving: "read-only", serverId: 1, epoch: 0 } as const;
  const ask = asker({ whitelist: ["*"] }, sampleInspection({ status }));
  const [, second, ...rest] = ((await ask("srvr")) ?? "").split("\n");
  assert.is(second, "READ-ONLY mode; serving only read-only clients");
  assert.ok(rest.includes("Mode: read-only"));
  assert.match((await ask("mntr")) ?? "", /^zk_server_state\tread-only$/m);
  assert.is(await ask("isro"), "ro");
});

test("a word that fails closes its connection and is logged", async () => {
  const logged: string[] = [];
  const server = sampleInspection({
    stats: () => {
      throw new Error("no figures");
    },
  });
  const logger = new ConsoleLogger("info", (line) => logged.push(line));
  const words = new FourLetterWords(server, new PlainMetrics(), logger);
  const connection = new RecordedConnection();
  words.claim(bytesOf("srvr"), connection);
  await connection.finished;
  assert.is(connection.state, "destroyed");
  assert.match(logged[0] ?? "", /four-letter word srvr failed/);
});

test.run();
