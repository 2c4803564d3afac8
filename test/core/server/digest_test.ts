import { test } from "uvu";
import * as assert from "uvu/assert";
import { OPCODES } from "../../../core/wire/opcodes.ts";
import { randomFrom } from "../../crash/history.ts";
import { settle } from "../manual_clock.ts";
import { startServer } from "./fixture.ts";
import * as frames from "./frames.ts";
import { Line } from "./line.ts";

const PATHS = ["/a", "/b", "/a/x", "/a/y", "/a/x/deep", "/b/z", "/", "/zookeeper/quota/n", "/é"];
const DATA = ["", "short", "d".repeat(300)];

type Random = () => number;

function pick<T>(random: Random, items: readonly T[]): T {
  return items[Math.floor(random() * items.length)] as T;
}

/** A write that may be refused as well as not. */
function write(random: Random): readonly [number, Parameters<typeof frames.frame>[2] & object] {
  const path = pick(random, PATHS);
  const data = pick(random, DATA);
  const dice = random();
  if (dice < 0.45) {
    const flags = pick(random, [0, 0, 1, 2, 3]);
    const type = pick(random, [OPCODES.create, OPCODES.create2]);
    return [type, (writer) => frames.createBody(writer, path, { data, flags })];
  }
  const version = pick(random, [-1, -1, 0, 1, 5]);
  if (dice < 0.7)
    return [OPCODES.setData, (writer) => frames.setDataBody(writer, path, data, version)];
  const type = dice < 0.95 ? OPCODES.delete : OPCODES.check;
  return [
    type,
    (writer) => {
      writer.string(path);
      writer.int(version);
    },
  ];
}

function request(random: Random, xid: number): Uint8Array {
  const dice = random();
  if (dice < 0.03) return frames.close(xid);
  if (dice < 0.3) {
    const length = 1 + Math.floor(random() * 5);
    return frames.multi(xid, ...Array.from({ length }, () => write(random)));
  }
  if (dice < 0.35) {
    return frames.create(xid, pick(random, PATHS), { type: OPCODES.createContainer, flags: 4 });
  }
  const [type, body] = write(random);
  return frames.frame(xid, type === OPCODES.check ? OPCODES.delete : type, body);
}

test("prepare foretells the tree's digest, whatever is in flight or refused", async () => {
  for (let seed = 1; seed <= 12; seed++) {
    const random = randomFrom(seed);
    const { server, disk, counter, messages } = await startServer();
    let lines = [await Line.open(server), await Line.open(server)];
    for (let turn = 0; turn < 40; turn++) {
      if (random() < 0.7) disk.shut();
      for (let i = 0; i < 8; i++) pick(random, lines).line.send(request(random, i));
      await settle();
      disk.open();
      await settle();
      lines = await Promise.all(lines.map((one) => (one.line.isClosed ? Line.open(server) : one)));
    }
    assert.is(counter("digest_mismatches_count"), 0, `seed ${seed}: ${messages.join()}`);
    assert.ok(counter("commit_count") > 100);
    await server.stop();
  }
});

test("a multi that fails leaves no trace for the requests behind it", async () => {
  const { server, disk, counter } = await startServer();
  const { line } = await Line.open(server);
  await line.ask(frames.create(1, "/a", { data: "old" }));
  disk.shut();
  line.send(
    frames.multi(
      2,
      [OPCODES.setData, (writer) => frames.setDataBody(writer, "/a", "new")],
      [OPCODES.create, (writer) => frames.createBody(writer, "/a/s", { flags: 2 })],
      [OPCODES.delete, (writer) => frames.setDataBody(writer, "/none", "")],
    ),
    frames.setData(3, "/a", "next", 0),
    frames.create(4, "/a/s", { flags: 2 }),
    frames.getData(5, "/a"),
    frames.exists(6, "/a/s0000000000"),
  );
  await settle();
  disk.open();
  await settle();
  const replies = line.take();
  assert.equal(
    replies.map(({ xid, error }) => [xid, error]),
    [2, 3, 4, 5, 6].map((xid) => [xid, 0]),
  );
  assert.is(frames.dataOf(replies[3]!), "next");
  assert.is(counter("digest_mismatches_count"), 0);
  await server.stop();
});

test("requests see what earlier ones in flight will have made", async () => {
  const { server, disk } = await startServer();
  const { line } = await Line.open(server);
  const { line: other } = await Line.open(server);
  disk.shut();
  line.send(frames.create(1, "/p"), frames.create(2, "/p/c"), frames.setData(3, "/p", "1", 0));
  other.send(
    frames.create(1, "/p"),
    frames.remove(2, "/p"),
    frames.setData(3, "/p", "2", 0),
    frames.setData(4, "/p", "2", 1),
    frames.create(5, "/p/c/s", { flags: 2 }),
    frames.create(6, "/p/c/s", { flags: 2 }),
    frames.remove(7, "/p/c"),
  );
  await settle();
  disk.open();
  await settle();
  assert.equal(other.takeShort(), ["1:-110", "2:-111", "3:-103", "4:0", "5:0", "6:0", "7:-111"]);
  const names = await other.ask(
    frames.exists(8, "/p/c/s0000000000"),
    frames.exists(9, "/p/c/s0000000001"),
  );
  assert.equal(names, ["8:0", "9:0"]);
  await server.stop();
});

test("a restart answers as before, from the log and from a checkpoint with its tail", async () => {
  for (const snapCount of [100_000, 7]) {
    const first = await startServer({ snapCount });
    const random = randomFrom(3);
    const { line, session } = await Line.open(first.server);
    for (let turn = 0; turn < 30; turn++) {
      line.send(
        ...Array.from({ length: 8 }, () => write(random)).map(([type, body], xid) =>
          frames.frame(xid, type === OPCODES.check ? OPCODES.delete : type, body),
        ),
      );
      await settle();
    }
    line.take();
    const questions = PATHS.map((path, xid) => frames.getData(xid, path));
    const answers = async (asked: Line): Promise<string[]> => {
      asked.send(...questions);
      await settle();
      return asked.take().map(({ error, body }) => `${error} ${body.join()}`);
    };
    const before = await answers(line);
    assert.ok(before.some((answer) => answer.startsWith("0")));
    await first.server.stop();
    const { server } = await startServer({ disk: first.disk, clock: first.clock, snapCount });
    const { line: again } = await Line.open(server, session);
    assert.equal(await answers(again), before);
    await server.stop();
  }
});

test.run();
