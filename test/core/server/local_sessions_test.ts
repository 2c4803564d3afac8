import { test } from "uvu";
import * as assert from "uvu/assert";
import { OPCODES } from "../../../core/wire/opcodes.ts";
import { settle } from "../manual_clock.ts";
import { startServer } from "./fixture.ts";
import * as frames from "./frames.ts";
import { Line } from "./line.ts";

const LOCAL = { localSessionsEnabled: true };
const UPGRADING = { localSessionsEnabled: true, localSessionsUpgradingEnabled: true };

function sessionEvents(server: Awaited<ReturnType<typeof startServer>>["server"]): string[] {
  const events: string[] = [];
  server.sessions.subscribe(({ type }) => events.push(type));
  return events;
}

test("a local session takes no transaction, and moves to a new connection", async () => {
  const { server, disk } = await startServer(LOCAL);
  const { line, session } = await Line.open(server);
  assert.is(disk.appends, 0);
  assert.equal(await line.ask(frames.create(1, "/a"), frames.exists(2, "/a")), ["1:0", "2:0"]);
  const { line: again } = await Line.open(server, session);
  assert.ok(line.isDestroyed);
  assert.equal(await again.ask(frames.remove(1, "/a")), ["1:0"]);
  await server.stop();
});

test("a local session may not own ephemerals without upgrading", async () => {
  const { server } = await startServer(LOCAL);
  const { line } = await Line.open(server);
  assert.equal(await line.ask(frames.create(1, "/e", { flags: 1 })), ["1:-120"]);
  await server.stop();
});

test("a local session becomes global at its first ephemeral, alone or in a multi", async () => {
  for (const request of [
    frames.create(1, "/e", { flags: 1 }),
    frames.multi(1, [OPCODES.create, (writer) => frames.createBody(writer, "/e", { flags: 1 })]),
  ]) {
    const { server, clock } = await startServer(UPGRADING);
    const events = sessionEvents(server);
    const { line, session } = await Line.open(server, { timeoutMs: 4_000 });
    assert.equal(await line.ask(request, frames.exists(2, "/e")), ["1:0", "2:0"]);
    clock.advance(0);
    assert.equal(events, ["created"]);
    const { line: again } = await Line.open(server, session);
    for (let i = 0; i < 6; i++) {
      again.send(frames.ping());
      clock.advance(1_000);
      await settle();
    }
    again.take();
    assert.equal(await again.ask(frames.exists(3, "/e"), frames.close(4)), ["3:0", "4:0"]);
    await server.stop();
  }
});

test("a silent local session expires without a transaction", async () => {
  const { server, clock, disk } = await startServer(LOCAL);
  const { line, session } = await Line.open(server, { timeoutMs: 4_000 });
  line.cut();
  for (let i = 0; i < 6; i++) clock.advance(1_000);
  await settle();
  assert.is(disk.appends, 0);
  assert.is((await new Line(server).connect(session))?.timeoutMs, 0);
  await server.stop();
});

test("closing a local session is answered 0, and it cannot come again", async () => {
  const { server } = await startServer(LOCAL);
  const { line, session } = await Line.open(server);
  assert.equal(await line.ask(frames.create(1, "/a"), frames.close(2)), ["1:0", "2:0"]);
  assert.ok(line.hasEnded);
  assert.is((await new Line(server).connect(session))?.timeoutMs, 0);
  await server.stop();
});

test.run();
