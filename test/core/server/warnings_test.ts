import { test } from "uvu";
import * as assert from "uvu/assert";
import type { ClientServer } from "../../../core/server/client_server.ts";
import { RareWarning } from "../../../core/server/rare_warning.ts";
import { SequenceWatch } from "../../../core/server/sequence_watch.ts";
import { PlainMetrics } from "../../../plugins/metrics/mod.ts";
import { ConsoleLogger } from "../../../plugins/system/mod.ts";
import { ManualClock, settle } from "../manual_clock.ts";
import { startServer } from "./fixture.ts";
import * as frames from "./frames.ts";
import { Line } from "./line.ts";

function loggerTo(lines: string[]): ConsoleLogger {
  return new ConsoleLogger("info", (line) => lines.push(line.replace(/^\S+ /, "")));
}

test("RareWarning says it once in ten seconds, and how often it was not said", () => {
  const lines: string[] = [];
  const clock = new ManualClock();
  const warning = new RareWarning(loggerTo(lines), clock);
  for (let i = 0; i < 4; i++) warning.say("slow", { ms: i });
  clock.advance(10_000);
  warning.say("slow", { ms: 9 });
  clock.advance(10_000);
  warning.say("slow", { ms: 10 });
  assert.equal(lines, ['warn slow {"ms":0}', 'warn slow {"ms":9,"more":3}', 'warn slow {"ms":10}']);
});

test("a slow disk is warned of once, with the requests that waited for it", async () => {
  const { server, disk, clock, messages, counter } = await startServer();
  const { line } = await Line.open(server);
  disk.shut();
  line.send(frames.create(1, "/a"), frames.create(2, "/b"));
  await settle();
  clock.advance(1_500);
  disk.open();
  await settle();
  assert.equal(line.takeShort(), ["1:0", "2:0"]);
  const slow = messages.filter((text) => text.includes("slow"));
  assert.equal(
    slow.map((text) => text.split(":")[1]),
    [" the log's disk is slow, and every write waits for it", " a request was slow"],
  );
  assert.is(counter("fsync_threshold_exceed_count"), 1);
  assert.is(counter("slow_requests_count"), 2);
  await server.stop();
});

test("thresholds of 0 ask for no warning", async () => {
  const settings = { fsyncWarningMs: 0, requestWarningMs: 0 };
  const { server, disk, clock, messages } = await startServer(settings);
  const { line } = await Line.open(server);
  disk.shut();
  line.send(frames.create(1, "/a"));
  await settle();
  clock.advance(5_000);
  disk.open();
  await settle();
  assert.equal(line.takeShort(), ["1:0"]);
  assert.not(messages.some((text) => text.includes("slow")));
  await server.stop();
});

test("an answer above jute.maxbuffer is sent, counted and warned of", async () => {
  const { server, messages, counter } = await startServer({ frameBytesMax: 1_024 });
  const { line } = await Line.open(server);
  const name = "n".repeat(400);
  const made = [1, 2, 3, 4].map((i) => frames.create(i, `/${name}${i}`));
  const before = counter("response_bytes");
  await line.ask(...made);
  // Each a header of 16 bytes and the path.
  assert.is(counter("response_bytes") - before, 4 * (16 + 4 + 402));
  assert.equal(await line.ask(frames.read(5, 8, "/")), ["5:0"]);
  assert.is(counter("large_responses_count"), 1);
  assert.is(messages.filter((text) => text.includes("jute.maxbuffer")).length, 1);
  await server.stop();
});

test("SequenceWatch names a znode whose counter is near its end, and shows the greatest", () => {
  const lines: string[] = [];
  const clock = new ManualClock();
  const metrics = new PlainMetrics();
  const created = new Map([
    [3, 17],
    [45_000, 2_000_000_001],
  ]);
  const tree = {
    indexEnd: 50_000,
    isNode: (node: number) => created.has(node),
    cversion: (node: number) => created.get(node) ?? 0,
    pathOf: (node: number) => `/node${node}`,
  };
  const server = { tree, clock, logger: loggerTo(lines) } as unknown as ClientServer;
  const watch = new SequenceWatch(server, metrics);
  watch.start();
  clock.advance(0);
  clock.advance(0);
  assert.is(lines.length, 1);
  assert.match(lines[0] ?? "", /a sequence is near its end.*"path":"\/node45000"/);
  const shown = metrics.read().find(({ name }) => name === "max_children_created");
  assert.is(shown?.kind === "gauge" ? shown.value : -1, 2_000_000_001);
  created.delete(45_000);
  clock.advance(600_000);
  clock.advance(0);
  clock.advance(0);
  assert.is(lines.length, 1);
  watch.stop();
});

test.run();
