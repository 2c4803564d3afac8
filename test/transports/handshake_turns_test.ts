import { Socket } from "node:net";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { HandshakeTurns } from "../../transports/tcp/handshake_turns.ts";

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("of handshakes that begin at once each has a turn of its own, in order", async () => {
  const sockets = [new Socket(), new Socket(), new Socket()];
  const begun: number[] = [];
  const turns = new HandshakeTurns((socket) => begun.push(sockets.indexOf(socket)));
  for (const socket of sockets) turns.add(socket);
  assert.equal(begun, []);
  for (let turn = 1; turn <= 3; turn++) {
    await nextTurn();
    assert.equal(begun, [0, 1, 2].slice(0, turn));
  }
});

test("connections that are gone by their turn take none", async () => {
  const sockets = [new Socket(), new Socket(), new Socket(), new Socket()];
  const begun: number[] = [];
  const turns = new HandshakeTurns((socket) => begun.push(sockets.indexOf(socket)));
  for (const socket of sockets) turns.add(socket);
  for (const gone of [0, 1, 3]) sockets[gone]?.destroy();
  await nextTurn();
  assert.equal(begun, [2]);
  await nextTurn();
  turns.add(sockets[2] as Socket);
  await nextTurn();
  assert.equal(begun, [2, 2]);
});

test.run();
