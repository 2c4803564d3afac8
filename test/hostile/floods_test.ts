import { test } from "uvu";
import * as assert from "uvu/assert";
import { ERROR_CODES } from "../../core/errors/zk_error.ts";
import type { JuteWriter } from "../../core/wire/jute.ts";
import { OPCODES } from "../../core/wire/opcodes.ts";
import { type Acl, OPEN_ACL, writeAcls } from "../../core/wire/records.ts";
import { SessionId } from "../../core/wire/session_id.ts";
import { GoodClient } from "./good_client.ts";
import { connectTo, handshakeFrame, RawClient, request } from "./raw_client.ts";
import { startTarget } from "./tls_target.ts";

/** What an attack may make others wait for one answer; a hang of the server is far above. */
const WAIT_MS_MAX = 4_000;
const MEBIBYTE = 1024 * 1024;
/** ZOOKIT_HOSTILE_IDLE=10000 where so many files may be open. */
const IDLE = Number(process.env.ZOOKIT_HOSTILE_IDLE ?? 1_000);

const { server, target } = await startTarget(process.env.ZOOKIT_HOSTILE_TLS === "1");
const good = await GoodClient.start(server);
await good.report();

test.after(async () => {
  await good.stop();
  await server.stop();
});

/** Runs an attack; the server must live, and the other client must have been served well. */
function attack(name: string, run: () => Promise<void>): void {
  test(name, async () => {
    await run();
    const { wrong, maxMs, p99Ms } = await good.report();
    const { digestMismatches, rssBytes } = await server.report();
    const mebibytes = Math.round(rssBytes / MEBIBYTE);
    console.log(`others: p99 ${p99Ms.toFixed(1)}, max ${maxMs.toFixed(0)} ms; ${mebibytes} MiB`);
    assert.equal(wrong, []);
    assert.is(digestMismatches, 0);
    assert.is(server.output, "");
    assert.ok(maxMs < WAIT_MS_MAX, `somebody waited for ${Math.round(maxMs)} ms`);
    assert.ok(rssBytes < 1024 * MEBIBYTE, `${mebibytes} MiB`);
  });
}

function create(xid: number, path: string, flags = 0, acls: readonly Acl[] = OPEN_ACL): Uint8Array {
  return request(xid, OPCODES.create, (writer) => {
    writer.string(path);
    writer.buffer(new Uint8Array(0));
    writeAcls(writer, acls);
    writer.int(flags);
  });
}

function onPath(xid: number, type: number, path: string, watch?: boolean): Uint8Array {
  return request(xid, type, (writer) => {
    writer.string(path);
    if (watch !== undefined) writer.boolean(watch);
  });
}

function setData(xid: number, path: string, sizeBytes: number): Uint8Array {
  return request(xid, OPCODES.setData, (writer) => {
    writer.string(path);
    writer.buffer(new Uint8Array(sizeBytes));
    writer.int(-1);
  });
}

function removal(xid: number, path: string): Uint8Array {
  return request(xid, OPCODES.delete, (writer) => {
    writer.string(path);
    writer.int(-1);
  });
}

function multiHeader(writer: JuteWriter, type: number, done = false): void {
  writer.int(type);
  writer.boolean(done);
  writer.int(-1);
}

function ask(text: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = "";
    const socket = connectTo(target);
    socket.write(text);
    socket.on("data", (chunk) => {
      answer += chunk;
    });
    socket.on("error", () => {});
    socket.on("end", () => socket.end());
    socket.on("close", () => resolve(answer));
  });
}

/** A session that outlives long waits for answers, in which this client says nothing. */
function open(): Promise<RawClient> {
  return RawClient.open(target, { timeoutMs: 60_000 });
}

async function isClosedSoon(client: RawClient): Promise<void> {
  assert.ok(await client.closed(30_000), "the connection stays open");
  client.destroy();
}

attack(
  "handshakes that are not finished are closed, also where a byte comes now and then",
  async () => {
    const slow = await RawClient.dial(target);
    const half = await RawClient.dial(target);
    half.send(handshakeFrame().subarray(0, 20));
    const drip = setInterval(() => slow.send(new Uint8Array([0])), 300);
    await isClosedSoon(slow);
    clearInterval(drip);
    await isClosedSoon(half);
  },
);

attack("a handshake and requests that come byte by byte are answered", async () => {
  const client = await RawClient.dial(target);
  const bytes = Buffer.concat([handshakeFrame(), onPath(1, OPCODES.exists, "/", false)]);
  for (const byte of bytes) {
    client.send(Uint8Array.of(byte));
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok((await client.frame()) !== undefined);
  assert.is((await client.reply())?.xid, 1);
  client.destroy();
});

attack("what is sent after the last answer is not kept, and the connection ends", async () => {
  const client = await open();
  client.send(request(1, OPCODES.check));
  await client.closed(5_000);
  const noise = new Uint8Array(MEBIBYTE);
  for (let i = 0; i < 200 && !client.socket.destroyed; i++) {
    const taken = client.socket.write(noise);
    if (!taken) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  client.destroy();
});

attack("a flood of handshakes, of which nobody reads the answer", async () => {
  const clients: RawClient[] = [];
  for (let i = 0; i < 500; i++) {
    const client = await RawClient.dial(target);
    client.socket.pause();
    client.send(handshakeFrame());
    clients.push(client);
  }
  for (const client of clients) client.destroy();
});

attack("a storm of reconnects, most of them with a wrong password", async () => {
  const owner = await RawClient.dial(target);
  const { sessionId, password } = await owner.handshake({ timeoutMs: 60_000 });
  for (let i = 0; i < 200; i++) {
    const thief = await RawClient.dial(target);
    const answer = await thief.handshake({ sessionId, password: new Uint8Array(16).fill(i) });
    assert.is(answer.timeoutMs, 0);
    assert.ok(answer.sessionId.equals(new SessionId(0, 0)));
    thief.destroy();
    if (i % 20 === 0) await owner.ask(onPath(1, OPCODES.exists, "/", false));
  }
  assert.is((await owner.ask(onPath(1, OPCODES.exists, "/", false)))?.error, 0);
  let last = owner;
  for (let i = 0; i < 200; i++) {
    const next = await RawClient.dial(target);
    assert.ok((await next.handshake({ sessionId, password })).timeoutMs > 0);
    await isClosedSoon(last);
    last = next;
  }
  last.destroy();
});

attack("a client that never reads is not read either", async () => {
  const sleeper = await open();
  sleeper.socket.pause();
  const paths = Array.from({ length: 150_000 }, () => "");
  const watches = request(1, OPCODES.setWatches, (writer) => {
    writer.long(-1);
    writer.strings(paths);
    writer.int(0);
    writer.int(0);
  });
  for (let i = 0; i < 20; i++) sleeper.send(watches);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  sleeper.destroy();
  await server.until(({ watches: left }) => left === 0);
});

attack("a client with many watches that reads no event loses its connection", async () => {
  const [sleeper, writer] = [await open(), await open()];
  const parent = `/${"long".repeat(2_500)}`;
  const paths = Array.from({ length: 500 }, (_, i) => `${parent}${i}`);
  writer.send(...paths.map((path, i) => create(i, path)));
  for (const path of paths) assert.is((await writer.reply())?.error, 0, path.slice(-5));
  const persistent = (xid: number, path: string): Uint8Array =>
    request(xid, OPCODES.addWatch, (into) => {
      into.string(path);
      into.int(0);
    });
  for (const [i, path] of paths.entries()) await sleeper.ask(persistent(i, path));
  sleeper.socket.pause();
  // Each round is 5 MB of events; sockets hold a few of them.
  for (let round = 0; round < 12; round++) {
    writer.send(...paths.map((path, i) => setData(i, path, 1)));
    for (const path of paths) assert.is((await writer.reply())?.error, 0, path.slice(-5));
  }
  await server.until(({ connections, watches }) => connections === 2 && watches === 0);
  sleeper.socket.resume();
  await isClosedSoon(sleeper);
  writer.send(...paths.map((path, i) => removal(i, path)));
  for (const path of paths) assert.is((await writer.reply())?.error, 0, path.slice(-5));
  writer.destroy();
});

attack("100,000 requests of which no answer is read", async () => {
  const client = await open();
  client.socket.pause();
  const reads = Array.from({ length: 1_000 }, (_, i) =>
    onPath(i, OPCODES.getChildren2, "/", false),
  );
  for (let i = 0; i < 100; i++) client.send(...reads);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  client.destroy();
});

attack("400 writes of a megabyte, as fast as they are taken", async () => {
  const client = await open();
  await client.ask(create(1, "/big"));
  const write = setData(2, "/big", 1_000_000);
  for (let i = 0; i < 400; i++) client.send(write);
  for (let i = 0; i < 400; i++) assert.is((await client.reply(60_000))?.error, 0);
  client.destroy();
});

attack("one frame that asks for a gigabyte in a multiRead", async () => {
  const client = await open();
  const frame = request(3, OPCODES.multiRead, (writer) => {
    for (let i = 0; i < 1_000; i++) {
      multiHeader(writer, OPCODES.getData);
      writer.string("/big");
      writer.boolean(false);
    }
    multiHeader(writer, -1, true);
  });
  assert.is((await client.ask(frame))?.error, ERROR_CODES.MarshallingError);
  assert.is((await client.ask(onPath(4, OPCODES.delete, "/big", undefined)))?.error, -5);
  client.destroy();
});

attack("access control lists as long as a frame, and ids that invite backtracking", async () => {
  const client = await open();
  const many = Array.from({ length: 80_000 }, (_, perms) => ({ perms, scheme: "", id: "" }));
  const some = Array.from({ length: 40_000 }, (_, perms) => ({ ...many[0], perms, ...ANYONE }));
  const colons = [{ perms: 1, scheme: "digest", id: `${":".repeat(900_000)}x` }];
  for (const [index, acls] of [many, some, colons].entries()) {
    const reply = await client.ask(create(index + 1, `/acl${index}`, 0, acls));
    assert.is(reply?.error, ERROR_CODES.InvalidAcl);
  }
  client.destroy();
});

attack("identities without end, and a list that stands for all of them", async () => {
  const client = await open();
  const login = (name: string): Uint8Array =>
    request(-4, OPCODES.auth, (writer) => {
      writer.int(0);
      writer.string("digest");
      writer.buffer(new TextEncoder().encode(`${name}:p`));
    });
  for (let i = 0; i < 500; i++) await client.ask(login(`user${i}`));
  const auth = Array.from({ length: 50_000 }, (_, perms) => ({ perms, scheme: "auth", id: "" }));
  const reply = await client.ask(create(1, "/auth", 0, auth));
  assert.is(reply?.error, ERROR_CODES.InvalidAcl);
  assert.is((await client.ask(login("x".repeat(500_000))))?.error, ERROR_CODES.AuthFailed);
  await isClosedSoon(client);
});

attack("a path that begins with a byte order mark is no path", async () => {
  const client = await open();
  assert.is((await client.ask(create(1, "\uFEFF/mark")))?.error, ERROR_CODES.NoNode);
  assert.is((await client.ask(create(2, "/\uFEFFmark")))?.error, 0);
  const children = await client.ask(onPath(3, OPCODES.getChildren, "/", false));
  assert.match(new TextDecoder("utf-8", { ignoreBOM: true }).decode(children?.body), /\uFEFFmark/);
  client.destroy();
});

attack("5,000 ephemerals, long looks at them, and their end", async () => {
  const client = await open();
  await client.ask(create(1, "/many"));
  for (let i = 0; i < 5_000; i++) client.send(create(i + 2, "/many/e-", 3));
  for (let i = 0; i < 5_000; i++) await client.reply();
  const looks = Array.from({ length: 200 }, (_, i) => [
    onPath(i, OPCODES.getEphemerals, "/none"),
    onPath(i, OPCODES.getAllChildrenNumber, "/many"),
  ]);
  client.send(...looks.flat());
  for (let i = 0; i < 400; i++) assert.is((await client.reply())?.error, 0);
  client.send(
    request(1, OPCODES.closeSession),
    request(2, OPCODES.closeSession),
    looks[0]?.[0] ?? NONE,
  );
  assert.is((await client.reply())?.xid, 1);
  await isClosedSoon(client);
  await server.until(({ nodes }) => nodes < 100);
});

attack("thousands of sessions with ephemerals that expire together", async () => {
  const clients: RawClient[] = [];
  for (let i = 0; i < 300; i++) {
    const client = await RawClient.open(target, { timeoutMs: 1_000 });
    client.send(...Array.from({ length: 20 }, (_, at) => create(at, `/s${i}-${at}`, 1)));
    for (let at = 0; at < 20; at++) await client.reply();
    clients.push(client);
  }
  for (const client of clients) client.destroy();
  await server.until(({ nodes }) => nodes < 100);
});

attack("four-letter words cut, misspelt, and with more behind", async () => {
  assert.is(await ask(`ruok${"x".repeat(100_000)}`), "imok");
  assert.match(await ask("srvr\r\n"), /^Zookeeper version/);
  for (const word of ["ru", "RUOK", "\0\0\0", "stmk12"]) assert.is(await ask(word), "", word);
});

attack("300,000 watches of one client, listed", async () => {
  const client = await open();
  for (let frame = 0; frame < 6; frame++) {
    const paths = Array.from({ length: 50_000 }, (_, i) => `/none${frame}-${i}`);
    const watches = request(frame, OPCODES.setWatches, (writer) => {
      writer.long(0);
      writer.int(0);
      writer.strings(paths);
      writer.int(0);
    });
    assert.is((await client.ask(watches))?.error, 0);
  }
  for (const word of ["wchc", "wchp"]) assert.ok((await ask(word)).length > 3 * MEBIBYTE, word);
  client.destroy();
  await server.until(({ watches }) => watches === 0);
});

attack("the system's own znodes, tampered with", async () => {
  const client = await open();
  for (const path of ["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"]) {
    const reply = await client.ask(removal(1, path));
    assert.is(reply?.error, ERROR_CODES.BadArguments, path);
  }
  const quota = "/zookeeper/quota/q";
  for (const path of ["/q", quota, `${quota}/zookeeper_limits`, `${quota}/zookeeper_stats`]) {
    assert.is((await client.ask(create(2, path)))?.error, 0, path);
  }
  for (const name of ["zookeeper_limits", "zookeeper_stats"]) {
    await client.ask(setData(3, `${quota}/${name}`, 900_000));
    for (let i = 0; i < 20; i++) client.send(create(4 + i, `/q/${name}${i}`));
    for (let i = 0; i < 20; i++) assert.ok((await client.reply()) !== undefined);
  }
  client.destroy();
});

attack(`${IDLE} connections that say nothing after their handshake`, async () => {
  const clients: RawClient[] = [];
  for (let i = 0; i < IDLE; i++) clients.push(await RawClient.open(target, { timeoutMs: 10_000 }));
  for (const client of clients) client.destroy();
  await server.until(({ connections }) => connections === 1);
});

const ANYONE = { scheme: "world", id: "anyone" };
const NONE = new Uint8Array(0);

test.run();
