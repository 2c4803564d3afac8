import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  CONNECTION_THROTTLE,
  ConnectionThrottle,
  type ConnectionThrottleOptions,
} from "../../../core/server/connection_throttle.ts";
import { REQUEST_THROTTLE } from "../../../core/server/request_throttle.ts";
import { ManualClock, settle } from "../manual_clock.ts";
import { type Fixture, startServer } from "./fixture.ts";
import * as frames from "./frames.ts";
import { Line } from "./line.ts";

type Throttle = Partial<typeof REQUEST_THROTTLE>;

function startThrottled(settings: Throttle): Promise<Fixture> {
  return startServer({ requestThrottle: { ...REQUEST_THROTTLE, ...settings } });
}

function creates(...xids: readonly number[]): Uint8Array[] {
  return xids.map((xid) => frames.create(xid, `/n${xid}`));
}

test("writes above maxRequests wait and are done in order; others' reads do not wait", async () => {
  const { server, disk, counter } = await startThrottled({ maxRequests: 2 });
  const { line } = await Line.open(server);
  const { line: other } = await Line.open(server);
  disk.shut();
  line.send(...creates(1, 2, 3), frames.exists(4, "/n3"), ...creates(5));
  assert.equal(await other.ask(frames.exists(1, "/n1")), ["1:-101"]);
  other.send(...creates(2));
  assert.is(counter("request_throttle_wait_count"), 3);
  disk.open();
  assert.equal(await line.takeMore(), ["1:0", "2:0", "3:0", "4:0", "5:0"]);
  assert.equal(await other.takeMore(), ["2:-110"]);
  await server.stop();
});

test("a write that has waited longer than waitMsMax is refused in its place", async () => {
  const { server, disk, clock, counter } = await startThrottled({ maxRequests: 2, waitMsMax: 50 });
  const { line } = await Line.open(server);
  disk.shut();
  line.send(...creates(1, 2, 3), frames.exists(4, "/n3"), ...creates(5), frames.close(6));
  await settle();
  clock.advance(60);
  disk.open();
  assert.equal(await line.takeMore(), ["1:0", "2:0", "3:-127", "4:-101", "5:-127", "6:0"]);
  assert.is(counter("throttled_ops"), 2);
  await server.stop();
});

test("writes of a connection that is gone are dropped, the next one's are not", async () => {
  const { server, disk, counter } = await startThrottled({ maxRequests: 1 });
  const { line, session } = await Line.open(server);
  disk.shut();
  line.send(...creates(1, 2, 3));
  line.cut();
  const again = new Line(server);
  const { sessionId, password } = session;
  assert.ok(await again.connect({ sessionId, password }));
  again.send(...creates(2));
  disk.open();
  assert.equal(await again.takeMore(), ["2:0"]);
  assert.equal(await again.ask(frames.exists(4, "/n3"), frames.exists(5, "/n1")), [
    "4:-101",
    "5:0",
  ]);
  assert.is(counter("stale_requests_dropped"), 2);
  await server.stop();
});

test("without dropStale they are done all the same", async () => {
  const { server, disk } = await startThrottled({ maxRequests: 1, dropStale: false });
  const { line, session } = await Line.open(server);
  disk.shut();
  line.send(...creates(1, 2));
  line.cut();
  const again = new Line(server);
  assert.ok(await again.connect({ sessionId: session.sessionId, password: session.password }));
  again.send(...creates(2));
  disk.open();
  assert.equal(await again.takeMore(), ["2:-110"]);
  await server.stop();
});

test("thousands of writes through a narrow throttle all come out", async () => {
  const { server } = await startThrottled({ maxRequests: 7 });
  const { line } = await Line.open(server);
  const xids = Array.from({ length: 3000 }, (_, index) => index + 1);
  line.send(...creates(...xids));
  const answers: string[] = [];
  for (let i = 0; i < 2000 && answers.length < xids.length; i++) {
    await settle();
    answers.push(...line.takeShort());
  }
  assert.equal(
    answers,
    xids.map((xid) => `${xid}:0`),
  );
  await server.stop();
});

test("a large write is closed out while too much is under way, and nothing else is", async () => {
  const limits = { largeRequestBytes: 1_000, largeRequestBytesMax: 3_000 };
  const { server, disk, counter } = await startServer(limits);
  const { line, session } = await Line.open(server);
  const { line: other } = await Line.open(server);
  disk.shut();
  const large = "x".repeat(2_000);
  line.send(frames.create(1, "/a", { data: large }), frames.setData(2, "/a", large));
  await settle();
  assert.ok(line.isDestroyed);
  assert.is(counter("large_requests_rejected"), 1);
  other.send(frames.create(1, "/small"));
  disk.open();
  assert.equal(await other.takeMore(), ["1:0"]);
  const again = new Line(server);
  assert.ok(await again.connect({ sessionId: session.sessionId, password: session.password }));
  assert.equal(await again.ask(frames.setData(3, "/a", large)), ["3:0"]);
  await server.stop();
});

test("handshakes beyond the tokens are turned away until tokens come back", async () => {
  const connectionThrottle = { ...CONNECTION_THROTTLE, tokens: 2, fillTimeMs: 100 };
  const { server, clock, counter } = await startServer({ connectionThrottle });
  const opens = async (): Promise<boolean> => (await new Line(server).connect()) !== undefined;
  assert.equal([await opens(), await opens(), await opens()], [true, true, false]);
  assert.is(counter("connection_rejected"), 1);
  clock.advance(150);
  assert.equal([await opens(), await opens()], [true, false]);
  await server.stop();
});

function throttleOf(
  settings: Partial<ConnectionThrottleOptions>,
  chance = 0.5,
): { readonly throttle: ConnectionThrottle; readonly clock: ManualClock } {
  const clock = new ManualClock();
  const entropy = { uint32: () => chance * 2 ** 32, fill: () => {} };
  const options = { ...CONNECTION_THROTTLE, ...settings };
  return { throttle: new ConnectionThrottle(options, clock, entropy), clock };
}

test("ConnectionThrottle weighs kinds of handshakes; tokens are counted in global ones", () => {
  const { throttle } = throttleOf({ tokens: 2, isWeighed: true });
  assert.ok(throttle.admits("global")); // 3 of 6
  assert.ok(throttle.admits("renew")); // 2 of 3
  assert.not(throttle.admits("global"));
  assert.ok(throttle.admits("local"));
  assert.is(throttle.deficit, 6);
  assert.not(throttle.admits("local"));
});

test("ConnectionThrottle turns away more as a flood lasts, and fewer when it is over", () => {
  const settings = { tokens: 1, fillTimeMs: 1_000, freezeTimeMs: 10, dropIncrease: 0.4 };
  const { throttle, clock } = throttleOf({ ...settings, dropDecrease: 0.7 });
  assert.ok(throttle.admits("global"));
  for (let i = 0; i < 2; i++) {
    clock.advance(11);
    throttle.admits("global");
  }
  assert.is(throttle.dropChance, 0.8);
  clock.advance(1_001);
  assert.ok(throttle.admits("global")); // It has fallen to 0.1 with the bucket full again.
  assert.ok(Math.abs(throttle.dropChance - 0.1) < 1e-9);
});

test.run();
