import { test } from "uvu";
import * as assert from "uvu/assert";
import { OPCODES } from "../../../core/wire/opcodes.ts";
import { settle } from "../manual_clock.ts";
import { type Fixture, startServer } from "./fixture.ts";
import * as frames from "./frames.ts";
import { Line } from "./line.ts";

function int(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value);
  return bytes;
}

async function withLine(run: (line: Line, fixture: Fixture) => Promise<void>): Promise<void> {
  const fixture = await startServer();
  const { line } = await Line.open(fixture.server);
  await run(line, fixture);
  await fixture.server.stop();
}

for (const [name, lengthBytes] of [
  ["negative", -1],
  ["above the limit", 1_048_576],
] as const) {
  test(`a length that is ${name} closes the connection, before and after the handshake`, () =>
    withLine(async (line, { server }) => {
      assert.equal(await line.ask(int(lengthBytes)), []);
      assert.ok(line.isDestroyed);
      const fresh = new Line(server);
      fresh.send(int(lengthBytes));
      assert.ok(fresh.isDestroyed);
    }));
}

test("a frame too short for its header closes the connection", async () => {
  for (const length of [0, 4, 7]) {
    await withLine(async (line) => {
      line.send(int(length), new Uint8Array(length));
      await settle();
      assert.ok(line.isClosed, `length ${length}`);
      assert.equal(line.takeShort(), []);
    });
  }
});

test("a body that does not parse is answered -5 in its place, and the connection stays", () =>
  withLine(async (line) => {
    const garbled = (xid: number, type: number): Uint8Array =>
      frames.frame(xid, type, (writer) => writer.int(1_000));
    const answers = await line.ask(
      frames.create(1, "/a"),
      garbled(2, OPCODES.create),
      garbled(3, OPCODES.getData),
      garbled(4, OPCODES.multi),
      garbled(5, OPCODES.setWatches),
      frames.getData(6, "/a"),
      frames.setData(7, "/a", "x"),
    );
    assert.equal(answers, ["1:0", "2:-5", "3:-5", "4:-5", "5:-5", "6:0", "7:0"]);
  }));

test("every read and write cut short by a byte is answered -5 or done, and never closes", () =>
  withLine(async (line) => {
    await line.ask(frames.create(1, "/a"));
    const whole = [
      frames.create(2, "/b"),
      frames.remove(3, "/b"),
      frames.setData(4, "/a", "x"),
      frames.getData(5, "/a"),
      frames.exists(6, "/a"),
      frames.multi(7, [OPCODES.delete, (writer) => writer.string("/a")]),
      frames.addWatch(8, "/a", 1),
      frames.setWatches(0, { data: ["/a"] }),
    ];
    for (const bytes of whole) {
      const cut = bytes.slice(0, -1);
      cut.set(int(cut.length - 4));
      assert.match((await line.ask(cut)).join(), /^-?\d+:-5$/);
    }
    assert.equal(await line.ask(frames.exists(9, "/a")), ["9:0"]);
  }));

test("bytes behind a request's fields are ignored", () =>
  withLine(async (line) => {
    const longer = frames.frame(1, OPCODES.exists, (writer) => {
      writer.string("/");
      writer.boolean(false);
      writer.int(99);
    });
    assert.equal(await line.ask(longer, frames.exists(2, "/")), ["1:0", "2:0"]);
  }));

for (const [name, type] of [
  ["check outside a multi", OPCODES.check],
  ["deleteContainer", OPCODES.deleteContainer],
  ["createSession", OPCODES.createSession],
  ["error", OPCODES.error],
  ["an unknown opcode", 777],
  ["an unknown negative opcode", -100],
  ["notification", 0],
] as const) {
  test(`${name} is refused with -6 and zxid -1, and the connection ends`, () =>
    withLine(async (line, { server }) => {
      const refused = frames.frame(2, type, (writer) => {
        writer.string("/");
        writer.int(-1);
      });
      line.send(frames.create(1, "/a"), refused, frames.create(3, "/b"));
      await settle();
      const replies = line.take();
      assert.equal(
        replies.map(({ xid, error }) => [xid, error]),
        [
          [1, 0],
          [2, -6],
        ],
      );
      assert.is(replies[1]?.zxid, -1);
      assert.ok(line.hasEnded);
      const { line: other } = await Line.open(server);
      assert.equal(await other.ask(frames.exists(1, "/a"), frames.exists(2, "/b")), [
        "1:0",
        "2:-101",
      ]);
    }));
}

test("frames may come in any pieces", () =>
  withLine(async (line) => {
    const bytes = [...frames.create(1, "/a", { data: "xyz" }), ...frames.getData(2, "/a")];
    for (const byte of bytes) line.send(Uint8Array.of(byte));
    await settle();
    assert.equal(line.takeShort(), ["1:0", "2:0"]);
  }));

test("an authentication that fails is answered -115 and ends the connection", () =>
  withLine(async (line, { counter }) => {
    const answers = await line.ask(frames.auth("nobody", "x"), frames.exists(1, "/"));
    assert.equal(answers, ["-4:-115"]);
    assert.ok(line.hasEnded);
    assert.is(counter("auth_failed_count"), 1);
  }));

test.run();
