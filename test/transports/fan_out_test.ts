/** What many wait for goes out from two threads where it can; nobody sees how. */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { tcpDialer } from "../../client/transports/tcp.ts";
import { getInt } from "../../core/wire/jute.ts";
import { XIDS } from "../../core/wire/opcodes.ts";
import { canFanOut, NodeFanOut, startHelper } from "../../transports/tcp/fan_out.ts";
import { FanOutBatch } from "../../transports/tcp/fan_out_batch.ts";
import { NodeTcpConnection, NodeTcpTransport } from "../../transports/tcp/mod.ts";
import { Listener } from "../conformance/transport_pair.ts";
import * as frames from "../core/server/frames.ts";
import { SlowClient, startServer } from "./slow_reader.ts";

const WATCHERS = 200;
const ROUNDS = 20;
/** Higher than any that is open. */
const NO_DESCRIPTOR = 2 ** 30;
const host = "127.0.0.1";

test("two threads send to the sockets of Node, once the second is there", async () => {
  const transport = new NodeTcpTransport({ port: 0, host });
  const listener = new Listener(transport, () => tcpDialer(host, transport.port));
  await listener.listen();
  const { dialed, accepted } = await listener.pair();
  const connection = accepted.connection as NodeTcpConnection;
  assert.instance(connection, NodeTcpConnection);
  assert.is(connection.fanOut !== undefined, canFanOut());
  const due: number[] = [];
  let ahead = 0;
  for (let round = 0; canFanOut() && ahead < 5 && round < 1_000; round++) {
    const bytes = new Uint8Array([round, 7, 7]);
    connection.fanOut?.sendAhead([connection], bytes);
    if (connection.sentAhead > 0) {
      ahead += 1;
      await dialed.untilBytes(due.length + 3);
    }
    due.push(...bytes);
    connection.write(bytes);
    assert.is(connection.sentAhead, 0);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await dialed.untilBytes(due.length);
  assert.equal([...dialed.received()], due);
  assert.ok(!canFanOut() || ahead === 5, "nothing was sent ahead");

  connection.destroy();
  assert.is(connection.descriptor, -1);
  connection.fanOut?.sendAhead([connection], new Uint8Array(3));
  assert.is(connection.sentAhead, 0);
  listener.destroyAll();
  await transport.close();
});

test("each batch goes to its own descriptors once, whatever there was before", async () => {
  const folder = mkdtempSync(join(tmpdir(), "zookit-fan-out-"));
  const path = (index: number): string => join(folder, `${index}`);
  const files = Array.from({ length: 100 }, (_, index) => openSync(path(index), "a"));
  const due = files.map(() => "");
  const batch = new FanOutBatch();
  const helper = canFanOut() ? startHelper(batch) : undefined;
  while (helper !== undefined && !batch.hasHelp) await new Promise((r) => setTimeout(r, 10));
  const sizes = [64, 100, 1, 0, 8, 72, 9];
  for (let turn = 0; turn < 1_000; turn++) {
    const count = sizes[turn % sizes.length] as number;
    const bytes = `${turn},`;
    for (let i = 0; i < count; i++) {
      // From another end each time: what was in the list before is another's.
      const file = (turn + i) % files.length;
      batch.set(i, files[file] as number);
      due[file] += bytes;
    }
    batch.send(count, new TextEncoder().encode(bytes));
    for (let i = 0; i < count; i++) assert.is(batch.sent(i), bytes.length);
  }
  for (const file of files) closeSync(file);
  batch.set(0, NO_DESCRIPTOR);
  batch.send(1, new Uint8Array(5));
  assert.is(batch.sent(0), 0);
  for (const [index, text] of due.entries()) assert.is(readFileSync(path(index), "utf8"), text);
  await helper?.terminate();
  rmSync(folder, { recursive: true });
});

test("where no second thread can be started, one sends, and says so", async () => {
  const told = new Promise<Error>((resolve) => process.once("warning", resolve));
  const fanOut = new NodeFanOut(() => {
    throw new Error("no more threads");
  });
  for (let i = 0; i < 3; i++) fanOut.sendAhead([], new Uint8Array(3));
  assert.match((await told).message, /one thread alone .*: Error: no more threads/);
});

test("each of many watchers has its event once, before its next answer", async () => {
  const { server, connections } = await startServer({ maxClientCnxns: 0 });
  const clients: SlowClient[] = [];
  for (let i = 0; i < WATCHERS; i++) clients.push(await SlowClient.connect(server.port));
  const writer = await SlowClient.connect(server.port);
  writer.socket.write(frames.create(1, "/watched"));
  await writer.frames(1);
  const runs: number[] = [];
  const fanOut = connections[0]?.connection.fanOut;
  if (fanOut !== undefined) {
    const sendAhead = fanOut.sendAhead.bind(fanOut);
    fanOut.sendAhead = (some, bytes) => {
      runs.push(some.length);
      sendAhead(some, bytes);
    };
  }
  for (let round = 1; round <= ROUNDS; round++) {
    await askAll(clients, frames.getData(round, "/watched", true), 1, (reply) => {
      assert.is(getInt(reply, 0), round);
    });
    writer.socket.write(frames.setData(1 + round, "/watched", `round ${round}`));
    await writer.frames(1, (reply) => assert.is(getInt(reply, 12), 0));
    const xids = [XIDS.notification, 1_000 + round];
    await askAll(clients, frames.exists(1_000 + round, "/watched"), 2, (reply, nth) => {
      assert.is(getInt(reply, 0), xids[nth]);
    });
  }
  assert.equal(runs, fanOut === undefined ? [] : new Array(ROUNDS).fill(WATCHERS));
  for (const { socket } of [...clients, writer]) socket.destroy();
  await server.stop();
});

/** Sends every client the same request, and gives each of its next `count` frames to `onFrame`. */
async function askAll(
  clients: readonly SlowClient[],
  request: Uint8Array,
  count: number,
  onFrame: (bytes: Uint8Array, nth: number) => void,
): Promise<void> {
  for (const { socket } of clients) socket.write(request);
  await Promise.all(
    clients.map((client) => {
      let nth = 0;
      return client.frames(count, (bytes) => onFrame(bytes, nth++));
    }),
  );
}

test.run();
