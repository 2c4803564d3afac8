import { test } from "uvu";
import * as assert from "uvu/assert";
import type { WriteRequest } from "../../../core/contracts/consensus.ts";
import { JuteWriter } from "../../../core/wire/jute.ts";
import { OPCODES } from "../../../core/wire/opcodes.ts";
import { SessionId } from "../../../core/wire/session_id.ts";
import { makeZxid } from "../../../core/wire/zxid.ts";
import { introduction, packets, Stranger } from "../hostile/stranger.ts";
import { Ensemble } from "./gated_ensemble.ts";

const DATA_BYTES = 64 * 1024;
const WRITES = 1_150;
/** What may wait for the disk, for commits, and in the sockets between. */
const TAKEN_BYTES_MAX = (32 + 4 + 24) * 1024 * 1024;
/** Nobody's ids. */
const [FLOODING, LAZY] = [77, 78];
const SESSION = new SessionId(0x4d00_0000, 1);

/** Observes, as anybody may where there is no TLS. */
async function observe(port: number, serverId: number): Promise<Stranger> {
  const stranger = await Stranger.dial(port);
  stranger.socket.write(introduction(serverId, 0, "observer-info"));
  await stranger.bytes(24);
  stranger.socket.write(packets({ kind: "ack-epoch", lastZxid: 0, currentEpoch: 0 }));
  await stranger.bytes(25); // Its snapshot begins.
  const zxid = makeZxid(1, 0);
  stranger.socket.write(packets({ kind: "acks", first: zxid, last: zxid }));
  return stranger;
}

function request(opcode: number, write: (body: JuteWriter) => void): WriteRequest {
  const body = new JuteWriter();
  write(body);
  const bytes = body.copy();
  const bodyEnd = bytes.length;
  return { session: SESSION, cxid: 1, opcode, bytes, bodyStart: 0, bodyEnd, ids: [] };
}

test("a learner's flood waits in its socket while a disk lags, and clients go on", async () => {
  const ensemble = await Ensemble.start();
  const { leader, followers } = ensemble;
  await using client = await (followers[0] ?? leader).server.connect({ timeoutMs: 40_000 });
  await using reader = await leader.server.connect();
  await client.create("/flooded", "");
  await client.create("/honest", "");
  const lazy = await observe(leader.quorumPort, LAZY);
  lazy.socket.pause(); // For good.
  const { socket } = await observe(leader.quorumPort, FLOODING);
  const begin = request(OPCODES.createSession, (body) => body.int(40_000));
  const write = request(OPCODES.setData, (body) => {
    body.string("/flooded");
    body.buffer(new Uint8Array(DATA_BYTES));
    body.int(-1);
  });
  leader.disk.shut();
  socket.write(packets({ kind: "request", request: begin }));
  const flood = packets({ kind: "request", request: write });
  for (let i = 0; i < WRITES; i++) socket.write(flood);
  await ensemble.said("much waits for the disk, and others wait for it", [leader]);
  await ensemble.said("learner asks for more than may wait, and waits", [leader]);
  const honest = client.setData("/honest", "1");
  for (let i = 0; i < 200; i++) await reader.exists("/honest");
  const takenBytes = socket.bytesWritten - socket.writableLength;
  assert.ok(takenBytes < TAKEN_BYTES_MAX, `${takenBytes} of ${WRITES * DATA_BYTES} bytes`);
  leader.disk.open();
  await honest;
  // The flood goes on where it stood, on the same connection, to its end.
  let version = 0;
  while (version < WRITES) {
    await client.sync("/");
    version = (await client.exists("/flooded"))?.version ?? 0;
    await client.setData("/honest", `${version}`);
  }
  assert.not(socket.destroyed);
  assert.not(leader.said.includes("looking for a leader"));
  for (const each of [lazy.socket, socket]) each.destroy();
  await client.close();
  await ensemble.stop();
});

test.run();
