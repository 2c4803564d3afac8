/** Attacks before a connection has a session: on the handshake of TLS and on the first bytes. */
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { OPCODES } from "../../core/wire/opcodes.ts";
import { GoodClient } from "./good_client.ts";
import { type Random, randomFrom } from "./random.ts";
import { connectTo, RawClient, request, type Target } from "./raw_client.ts";
import { startTarget, tlsTarget } from "./tls_target.ts";

/** ZOOKIT_HOSTILE_HANDSHAKES=100000 is the long run. */
const HANDSHAKES = Number(process.env.ZOOKIT_HOSTILE_HANDSHAKES ?? 1_500);
const SEED = Number(process.env.ZOOKIT_HOSTILE_SEED ?? 1);
const AT_ONCE = 150;
/** What an attack may make others wait; a hang of the server is far above. */
const WAIT_MS_MAX = 4_000;
const MEBIBYTE = 1024 * 1024;

const { server, target } = await startTarget(true);
/** The port for TLS without it. */
const bare: Target = { port: target.port };
const unified = await startTarget(true, true, { tls: { acceptsPlain: true } });
const good = await GoodClient.start(server);
await good.report();

test.after(async () => {
  await good.stop();
  await server.stop();
  await unified.server.stop();
});

/** Runs an attack; others must have been served well, and a client with a certificate gets in. */
function attack(name: string, run: () => Promise<void>): void {
  test(name, async () => {
    await run();
    const { wrong, maxMs, p99Ms } = await good.report();
    const { rssBytes, failedHandshakes } = await server.report();
    const mebibytes = Math.round(rssBytes / MEBIBYTE);
    console.log(
      `others: p99 ${p99Ms.toFixed(1)}, max ${maxMs.toFixed(0)} ms; ${mebibytes} MiB; ` +
        `${failedHandshakes} handshakes failed so far`,
    );
    assert.equal(wrong, []);
    assert.is(server.output + unified.server.output, "");
    assert.ok(maxMs < WAIT_MS_MAX, `somebody waited for ${Math.round(maxMs)} ms`);
    assert.ok(rssBytes < 1024 * MEBIBYTE, `${mebibytes} MiB`);
    for (const to of [target, unified.target]) {
      const client = await RawClient.open(to);
      const exists = request(1, OPCODES.exists, (writer) => {
        writer.string("/");
        writer.boolean(false);
      });
      assert.is((await client.ask(exists))?.error, 0);
      client.destroy();
    }
  });
}

/** What a client of TLS says first. */
async function clientHello(): Promise<Uint8Array> {
  const listener = createServer();
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as { readonly port: number };
  const dialed = connectTls({ ...target.tls, port, host: "127.0.0.1" });
  dialed.on("error", () => {});
  const [socket] = (await once(listener, "connection")) as [Socket];
  const [chunk] = (await once(socket, "data")) as [Buffer];
  dialed.destroy();
  socket.destroy();
  listener.close();
  return Uint8Array.from(chunk);
}

/** Kinds of records by which TLS answers. */
const FIRST_BYTES: ReadonlyMap<number, string> = new Map([
  [0x15, "alert"],
  [0x16, "handshake"],
]);

/** Sends bytes and our end, and says what came back before the server closed. */
async function outcomeOf(to: Target, bytes: Uint8Array): Promise<string> {
  const socket = connectTo(to);
  let first: number | undefined;
  socket.on("data", (chunk) => {
    first ??= chunk[0];
  });
  socket.on("error", () => {});
  socket.end(bytes);
  await new Promise((resolve) => socket.once("close", resolve));
  if (first === undefined) return "nothing";
  return FIRST_BYTES.get(first) ?? "other bytes";
}

/** Runs `once` for each number below `count`, some at a time, and counts what they return. */
async function tally(count: number, one: (i: number) => Promise<string>): Promise<string> {
  const counts = new Map<string, number>();
  for (let from = 0; from < count; from += AT_ONCE) {
    const batch = Array.from({ length: Math.min(AT_ONCE, count - from) }, (_, i) => one(from + i));
    for (const name of await Promise.all(batch)) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].map(([name, n]) => `${name} ${n}`).join(", ");
}

function mutated(bytes: Uint8Array, random: Random): Uint8Array {
  const changed = bytes.slice(0, random.below(10) === 0 ? random.below(bytes.length) : undefined);
  for (let i = random.below(6); i >= 0 && changed.length > 0; i--) {
    // The record's head now and then, or nothing else would be looked at.
    const from = random.below(8) === 0 ? 0 : Math.min(5, changed.length - 1);
    changed[from + random.below(changed.length - from)] = random.below(256);
  }
  return changed;
}

const hello = await clientHello();

attack("spoiled first messages of TLS, on its port and on one for both", async () => {
  const random = randomFrom(SEED);
  for (const [name, to] of [
    ["TLS", bare],
    ["both", { port: unified.target.port }],
  ] as const) {
    const said = await tally(HANDSHAKES, () => outcomeOf(to, mutated(hello, random)));
    console.log(`\n${name}: ${said}`);
  }
});

attack("noise on the port for TLS", async () => {
  const random = randomFrom(SEED + 1);
  const said = await tally(HANDSHAKES / 3, () => {
    return outcomeOf(bare, random.bytes(1 + random.below(3_000)));
  });
  console.log(`\n${said}`);
  assert.not.match(said, "handshake");
  assert.not.match(said, "other");
});

attack("every first byte, and noise behind it, on a port for both", async () => {
  const random = randomFrom(SEED + 2);
  const to = { port: unified.target.port };
  const said = await tally(256, (first) => {
    return outcomeOf(to, Uint8Array.from([first, ...random.bytes(200)]));
  });
  console.log(`\n${said}`);
});

attack("clients that stop in the middle of the handshake are closed in time", async () => {
  const sockets = [1, 6, 100, hello.length - 1, hello.length].flatMap((sizeBytes) => {
    return [bare, { port: unified.target.port }].map((to) => {
      const socket = connectTo(to);
      socket.on("error", () => {});
      socket.on("end", () => socket.destroy());
      socket.resume();
      socket.write(hello.subarray(0, sizeBytes));
      return socket;
    });
  });
  const drip = setInterval(() => sockets[0]?.write(new Uint8Array([1])), 200);
  await Promise.all(sockets.map((socket) => new Promise((done) => socket.once("close", done))));
  clearInterval(drip);
});

attack("a flood of handshakes that are not finished, above the most there may be", async () => {
  const sockets = Array.from({ length: 1_300 }, () => {
    const socket = connectTo(bare);
    socket.on("error", () => {});
    socket.write(hello);
    return socket;
  });
  // The good and the bad alike want to shake hands: the one without manners is given up.
  const client = await RawClient.open(target);
  client.destroy();
  for (const socket of sockets) socket.destroy();
});

attack("a storm of whole handshakes, each closed when it is done", async () => {
  const said = await tally(HANDSHAKES / 5, async () => {
    const client = await RawClient.dial(target);
    client.destroy();
    return "done";
  });
  console.log(`\n${said}`);
  await server.until(({ connections }) => connections === 1);
});

attack("clients without a certificate, who send requests behind their handshake", async () => {
  const { tls } = tlsTarget(server, false);
  const said = await tally(HANDSHAKES / 15, async () => {
    const socket = connectTo({ port: target.port, tls });
    let received = 0;
    socket.on("data", (chunk) => {
      received += chunk.length;
    });
    socket.on("error", () => {});
    socket.on("end", () => socket.destroy());
    socket.write("ruok");
    await new Promise((resolve) => socket.once("close", resolve));
    return received === 0 ? "nothing" : "bytes";
  });
  assert.is(said, `nothing ${HANDSHAKES / 15}`);
});

test.run();
