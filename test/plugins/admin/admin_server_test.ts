import { request } from "node:http";
import { connect } from "node:net";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { AdminCommand } from "../../../core/contracts/admin.ts";
import type { ServerInspection } from "../../../core/contracts/inspection.ts";
import type { LogThreshold } from "../../../core/contracts/logger.ts";
import { builtInCommands } from "../../../plugins/admin/commands.ts";
import { logLevelCommands } from "../../../plugins/admin/log_level.ts";
import { type AdminServerOptions, AdminService } from "../../../plugins/admin/mod.ts";
import { shedConnectionsCommand } from "../../../plugins/admin/shed_connections.ts";
import { DigestAuth, IpAuth } from "../../../plugins/auth/mod.ts";
import { PlainMetrics } from "../../../plugins/metrics/mod.ts";
import { ConsoleLogger, SystemClock } from "../../../plugins/system/mod.ts";
import { LEADING, observerResets, sampleInspection } from "./sample.ts";

// user:password of whoever may do anything.
const SUPER = "super:lK75jTNcA+U9vtVEw5vB51mj/w4=";

const THRESHOLD: LogThreshold = { level: "info" };

/** Takes a body and says how long it was; what it is asked to throw it throws. */
const COUNT: AdminCommand = {
  names: ["count_bytes", "cnt"],
  method: "POST",
  needsServing: true,
  needsAuthority: true,
  run: async ({ body, args }) => {
    if (args.get("fail") === "yes") throw new Error("as asked");
    let size = 0;
    for await (const chunk of body) size += chunk.length;
    return { fields: { size } };
  },
};
const STREAM: AdminCommand = {
  names: ["stream"],
  method: "GET",
  needsServing: false,
  needsAuthority: false,
  run: () => ({
    headers: { last_zxid: "0x7" },
    stream: (async function* () {
      yield new TextEncoder().encode("one ");
      yield new TextEncoder().encode("two");
    })(),
  }),
};
const TAKES_THE_PLACE: AdminCommand = { ...STREAM, names: ["dirs"], run: () => ({}) };

const SLOW: AdminCommand = {
  ...COUNT,
  names: ["slow"],
  run: async () => {
    await new Promise((resolve) => setTimeout(resolve, 400));
    return {};
  },
};

interface Given {
  readonly inspection?: Partial<ServerInspection>;
  readonly options?: AdminServerOptions;
  readonly log?: string[];
  readonly more?: readonly AdminCommand[];
}

async function withAdmin(given: Given, use: (url: string) => Promise<void>): Promise<void> {
  const inspection = sampleInspection(given.inspection);
  const metrics = new PlainMetrics();
  metrics.counter("commit_count", "transactions committed").value = 4;
  metrics.summary("fsynctime", "time of an fsync, ms").observe(2.5, 2);
  const places = { dataDir: "", dataLogDir: "", clientPortListenBacklog: -1 };
  const setup = {
    initialConfiguration: "tickTime=2000\n",
    properties: { "zookeeper.b": "2", "zookeeper.a": "1" },
  };
  const service = new AdminService(
    {
      inspection,
      clock: new SystemClock(),
      logger: new ConsoleLogger("info", (line) => given.log?.push(line)),
      providers: [new IpAuth(), new DigestAuth({ superDigest: SUPER })],
      commands: [
        ...builtInCommands({ server: inspection, metrics, places }, setup),
        ...logLevelCommands([THRESHOLD], new ConsoleLogger("silent")),
        shedConnectionsCommand(inspection, new ConsoleLogger("silent")),
        COUNT,
        STREAM,
        TAKES_THE_PLACE,
        ...(given.more ?? []),
      ],
    },
    { port: 0, ...given.options },
  );
  await service.start();
  try {
    await use(`http://127.0.0.1:${service.port}`);
  } finally {
    await service.stop();
  }
}

async function read(url: string): Promise<unknown> {
  return (await fetch(url)).json();
}

test("GET /commands links every command once, in order", () =>
  withAdmin({}, async (url) => {
    const text = await (await fetch(`${url}/commands`)).text();
    const names = [...text.matchAll(/<a href="\/commands\/(\w+)">\1<\/a>\n<br\/>\n/g)];
    assert.is(names.length, 32);
    assert.is(
      text.length,
      names.reduce((sum, [line]) => sum + line.length, 0),
    );
    assert.equal(names[0]?.[1], "configuration");
  }));

test("an answer is laid out as Apache's, command and error last", () =>
  withAdmin({}, async (url) => {
    const response = await fetch(`${url}/commands/wchp`);
    assert.is(response.headers.get("content-type"), "application/json");
    assert.is(
      await response.text(),
      `{
  "path_to_session_ids" : {
    "/t/no" : [ 72057703289257984 ],
    "/t" : [ 72057703289257984 ]
  },
  "command" : "watches_by_path",
  "error" : null
}`,
    );
  }));

test("connections tells every figure of a session, and the usual for one without", () =>
  withAdmin({}, async (url) => {
    const { connections, secure_connections } = (await read(`${url}/commands/cons`)) as {
      readonly connections: Record<string, unknown>[];
      readonly secure_connections: unknown[];
    };
    assert.is(connections[0]?.["remote_socket_address"], "127.0.0.1:50222");
    assert.is(connections[0]?.["last_operation"], "GETC");
    assert.is(connections[1]?.["remote_socket_address"], "[::1]:50222");
    assert.is(connections[1]?.["last_zxid"], -1);
    assert.equal(secure_connections, []);
  }));

test("monitor has the figures of mntr without their prefix", () =>
  withAdmin({}, async (url) => {
    const monitor = (await read(`${url}/commands/monitor`)) as Record<string, unknown>;
    assert.is(monitor["znode_count"], 9);
    assert.is(monitor["commit_count"], 4);
    assert.is(monitor["cnt_fsynctime"], 2);
    assert.is(monitor["avg_fsynctime"], 2.5);
  }));

test("setTraceMask keeps what it is given, and says what it wants", () =>
  withAdmin({}, async (url) => {
    const set = (mask: string): Promise<unknown> => read(`${url}/commands/stmk?${mask}`);
    const error = "setTraceMask requires long traceMask argument";
    assert.equal(await set(""), { error, command: "set_trace_mask" });
    assert.equal(await set("traceMask=x"), { error: `${error}, got x`, command: "set_trace_mask" });
    await set("traceMask=12&traceMask=13");
    const now = await read(`${url}/commands/gtmk`);
    assert.equal(now, { tracemask: 12, command: "get_trace_mask", error: null });
  }));

test("an unknown command is answered with 200 and an error, another path with 404", () =>
  withAdmin({ options: { commandUrl: "/zk/" } }, async (url) => {
    const unknown = await fetch(`${url}/zk/no%22such`);
    assert.is(unknown.status, 200);
    const error = 'Unknown command: no"such';
    assert.equal(await unknown.json(), { command: 'no"such', error });
    assert.is((await fetch(`${url}/commands`)).status, 404);
    assert.is((await fetch(`${url}/zk/%ff`)).status, 400);
  }));

test("while nobody is served, what is about clients is refused and the rest answered", () => {
  const status = { role: "looking", serving: "none", serverId: 1, epoch: 0 } as const;
  return withAdmin({ inspection: { status } }, async (url) => {
    const error = "This ZooKeeper instance is not currently serving requests";
    assert.equal(await read(`${url}/commands/srvr`), { command: "server_stats", error });
    assert.ok(Object.hasOwn((await read(`${url}/commands/envi`)) as object, "java.version"));
    const deed = await fetch(`${url}/commands/count_bytes`, { method: "POST" });
    assert.is(deed.status, 503, "a script must not take it for done");
    assert.equal(await deed.json(), { command: "count_bytes", error });
  });
});

test("a member of an ensemble tells who votes and how far it is", () => {
  return withAdmin({ inspection: LEADING }, async (url) => {
    assert.equal(await read(`${url}/commands/leader`), {
      is_leader: true,
      leader_id: 2,
      leader_ip: "b",
      command: "leader",
      error: null,
    });
    const view = (await read(`${url}/commands/voting_view`)) as { current_config: object };
    assert.equal(Object.keys(view.current_config), ["1", "2", "4"]);
    assert.equal((view.current_config as Record<string, unknown>)["2"], {
      server_addresses: ["b:2888", "c:2889"],
      election_addresses: ["b:3888", "c:3889"],
      client_address: "2182",
      learner_type: "participant",
    });
    const { command, error, ...state } = (await read(`${url}/commands/zabstate`)) as Record<
      string,
      unknown
    >;
    assert.equal(state, {
      myid: 2,
      is_leader: true,
      quorum_address: "b:2888",
      election_address: "b:3888",
      client_address: "2182",
      voting: true,
      last_zxid: "0x100000017",
      zab_epoch: 1,
      zab_counter: 0x17,
      zabstate: "broadcast",
    });
  });
});

test("a leader tells which learners it has, and how far each is", () =>
  withAdmin({ inspection: LEADING }, async (url) => {
    const { learners, ...rest } = (await read(`${url}/commands/learners`)) as {
      readonly learners: readonly unknown[];
    };
    assert.equal(rest, { epoch: 1, pending_syncs: 1, command: "learners", error: null });
    assert.equal(learners[0], {
      sid: 1,
      is_observer: false,
      is_voting: true,
      is_synced: true,
      acked_zxid: "0x100000015",
      lag: 2,
    });
    assert.equal(await read(`${url}/commands/observers`), {
      synced_observers: 1,
      observers: [
        {
          remote_socket_address: "/127.0.0.1:50222",
          sid: 3,
          established: 1_795_317_194_784,
          queued_packets: 2,
          queued_packets_size: 93,
          packets_received: 4,
          packets_sent: 7,
          requests: 1,
          last_zxid: 0x1_0000_0015,
        },
      ],
      command: "observers",
      error: null,
    });
  }));

test("observer_connection_stat_reset counts anew for observers, where there are any", async () => {
  await withAdmin({}, async (url) => {
    const command = "observer_connection_stat_reset";
    assert.equal(await read(`${url}/commands/orst`), { command, error: null });
    assert.is(observerResets.count, 0);
  });
  await withAdmin({ inspection: LEADING }, (url) => read(`${url}/commands/orst`).then(() => {}));
  assert.is(observerResets.count, 1);
});

test("a command that takes authority is refused without it, with the statuses of Apache", () => {
  const log: string[] = [];
  return withAdmin({ log }, async (url) => {
    const post = (authorization?: string, more = ""): Promise<Response> => {
      const headers = authorization === undefined ? {} : { authorization };
      return fetch(`${url}/commands/cnt${more}`, { method: "POST", body: "12345", headers });
    };
    assert.is((await post()).status, 401);
    assert.is((await post("digest super:wrong")).status, 403);
    assert.is((await post("ip")).status, 403);
    assert.is((await post("x509")).status, 401);
    assert.is((await post("digest super:secret more")).status, 401);
    const done = await post("digest super:secret");
    assert.equal(await done.json(), { size: 5, command: "count_bytes", error: null });
    assert.is((await post("digest super:secret", "?fail=yes")).status, 500);
    assert.is(log.filter((line) => line.includes("admin command refused")).length, 1);
    assert.ok(log.some((line) => line.includes("as asked")));
  });
});

test("a command may stream bytes and take the place of a built-in one", () =>
  withAdmin({}, async (url) => {
    const streamed = await fetch(`${url}/commands/stream`);
    assert.is(streamed.headers.get("last_zxid"), "0x7");
    assert.is(await streamed.text(), "one two");
    assert.equal(await read(`${url}/commands/dirs`), { command: "dirs", error: null });
  }));

test("the level of messages is told to everybody and changed by whoever has authority", () => {
  const log: string[] = [];
  return withAdmin({ log }, async (url) => {
    const set = (body: string): Promise<Response> => {
      const headers = { authorization: "digest super:secret" };
      return fetch(`${url}/commands/set_log_level`, { method: "POST", body, headers });
    };
    assert.equal(await read(`${url}/commands/log_level`), {
      level: "info",
      command: "log_level",
      error: null,
    });
    assert.is((await set('{"level":"warn"}')).status, 200);
    assert.is(THRESHOLD.level, "warn");
    for (const body of ["", "null", '{"level":"loud"}', `{"level":"info"}${" ".repeat(2_000)}`]) {
      const refused = await set(body);
      assert.is(refused.status, 400, body);
      assert.match(((await refused.json()) as { readonly error: string }).error, "debug, info");
    }
    assert.is(THRESHOLD.level, "warn");
    THRESHOLD.level = "info";
  });
});

test("connections are shed by whoever has authority, and by a whole percentage", () =>
  withAdmin({}, async (url) => {
    const shed = async (body: string, headers = {}): Promise<readonly [number, unknown]> => {
      const init = { method: "POST", body, headers };
      const answer = await fetch(`${url}/commands/shed_connections`, init);
      return [answer.status, await answer.json()];
    };
    const root = { authorization: "digest super:secret" };
    assert.equal(await shed('{"percentage": 50}', root), [
      200,
      { connections_shed: 5, percentage_requested: 50, command: "shed_connections", error: null },
    ]);
    assert.is((await shed('{"percentage": 50}'))[0], 401);
    const wrong = ["", "[]", "50", ...["-1", "101", "0.5", '"50"', "null"].map(percentage)];
    for (const body of wrong) assert.is((await shed(body, root))[0], 400, body);
  }));

function percentage(value: string): string {
  return `{"percentage": ${value}}`;
}

test("methods that no command takes are refused", () =>
  withAdmin({}, async (url) => {
    const { hostname, port } = new URL(url);
    const ask = (method: string): Promise<number> =>
      new Promise((resolve, reject) => {
        const path = "/commands/ruok";
        const asked = request({ hostname, port, path, method }, (response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
        });
        asked.on("error", reject).end();
      });
    assert.is(await ask("TRACE"), 403);
    assert.is(await ask("PUT"), 405);
    assert.is(await ask("POST"), 405);
    assert.is(await ask("HEAD"), 200);
  }));

test("a command with authority may take longer than a connection may be silent", () =>
  withAdmin({ options: { idleTimeoutMs: 100 }, more: [SLOW] }, async (url) => {
    const headers = { authorization: "digest super:secret" };
    for (let i = 0; i < 2; i++) {
      const answer = await fetch(`${url}/commands/slow`, { method: "POST", headers });
      assert.equal(await answer.json(), { command: "slow", error: null });
    }
  }));

test("garbage, endless heads and half requests cost only their own connection", () =>
  withAdmin({ options: { idleTimeoutMs: 2_000 } }, async (url) => {
    const { hostname, port } = new URL(url);
    const say = (bytes: string): Promise<string> =>
      new Promise((resolve) => {
        let answer = "";
        const socket = connect(Number(port), hostname, () => socket.write(bytes, "latin1"));
        socket.on("data", (chunk) => {
          answer += chunk;
        });
        socket.on("error", () => {}); // Cut off in the middle of its words.
        socket.on("close", () => resolve(answer));
      });
    const long = `GET /commands/${"x".repeat(100_000)} HTTP/1.1\r\n\r\n`;
    const sayings = ["\0\0\0\0srvr\xff\xfe\r\n\r\n", long, "GET /commands/ruok HTT"];
    const answers = await Promise.all(sayings.map(say));
    for (const answer of answers) assert.not.match(answer, /200 OK/);
    assert.equal(await read(`${url}/commands/ruok`), { command: "ruok", error: null });
  }));

test.run();
