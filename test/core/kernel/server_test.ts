import { test } from "uvu";
import * as assert from "uvu/assert";
import { SERVICE, type Service } from "../../../core/contracts/service.ts";
import { type Accept, TRANSPORT, type Transport } from "../../../core/contracts/transport.ts";
import { InvariantError } from "../../../core/errors/invariant.ts";
import { type Server, TransportError } from "../../../mod.ts";
import { ManualClock, settle } from "../manual_clock.ts";
import { compose, startServer, valuePlugin } from "../server/fixture.ts";
import * as frames from "../server/frames.ts";
import { Line } from "../server/line.ts";

/** A transport that notes what is asked of it and does what a test wants. */
class TestTransport implements Transport {
  readonly name: string;
  readonly address = "";
  readonly port = 0;
  readonly calls: string[] = [];
  readonly #onListen: () => Promise<void>;
  readonly #onClose: () => Promise<void>;
  accept: Accept | undefined;

  constructor(
    name: string,
    onListen: () => Promise<void> = async () => {},
    onClose: () => Promise<void> = async () => {},
  ) {
    this.name = name;
    this.#onListen = onListen;
    this.#onClose = onClose;
  }

  listen(accept: Accept): Promise<void> {
    this.calls.push("listen");
    this.accept = accept;
    return this.#onListen();
  }

  close(): Promise<void> {
    this.calls.push("close");
    return this.#onClose();
  }

  get isListening(): boolean {
    return this.calls.at(-1) === "listen";
  }

  plugin(): ReturnType<typeof valuePlugin> {
    return valuePlugin(this.name, TRANSPORT, this as Transport);
  }
}

/** Every state, and at the end `complete` or the error's message. */
function statesOf(server: Server): string[] {
  const states: string[] = [];
  server.state.subscribe({
    next: (state) => states.push(state),
    error: (error: Error) => states.push(error.message),
    complete: () => states.push("complete"),
  });
  return states;
}

test("a server goes through its states once, and stop() may be called again", async () => {
  const { server } = compose();
  const states = statesOf(server);
  await server.start();
  await Promise.all([server.stop(), server.stop()]);
  await server.stop();
  assert.equal(states, ["idle", "starting", "running", "stopping", "stopped", "complete"]);
  await rejects(server.start(), /a server starts once; this one is stopped/);
});

test("await using stops the server", async () => {
  const { server } = compose();
  const states = statesOf(server);
  await server.start();
  await server[Symbol.asyncDispose]();
  assert.is(states.at(-1), "complete");
});

test("a server that was never started may be stopped", async () => {
  const { server } = compose();
  const states = statesOf(server);
  await server.stop();
  assert.is(states.at(-1), "complete");
});

test("a transport that cannot listen fails start(), which releases everything", async () => {
  const first = new TestTransport("first");
  const second = new TestTransport("second", () =>
    Promise.reject(new TransportError("address-in-use", "127.0.0.1:2181 is in use")),
  );
  const service = { name: "beside", calls: [] as string[] };
  const beside: Service = {
    name: service.name,
    start: async () => void service.calls.push("start"),
    stop: async () => void service.calls.push("stop"),
  };
  const clock = new ManualClock();
  const { server, disk } = compose({
    clock,
    plugins: [first.plugin(), second.plugin(), valuePlugin("beside", SERVICE, beside)],
  });
  const states = statesOf(server);
  await rejects(server.start(), /is in use/);
  assert.equal(first.calls, ["listen", "close"]);
  assert.equal(service.calls, ["start", "stop"]);
  assert.equal(states, ["idle", "starting", "stopping", "stopped", "complete"]);
  assert.is(clock.timerCount, 0);
  const { server: next } = await startServer({ clock, disk });
  await next.stop();
});

test("storage that cannot be opened fails start() with its error; nothing listens", async () => {
  const transport = new TestTransport("only");
  const { server, disk } = compose({ plugins: [transport.plugin()] });
  disk.storage.open = () => Promise.reject(new Error("the folder is locked"));
  await rejects(server.start(), /the folder is locked/);
  assert.ok(!transport.calls.includes("listen"));
});

test("stop() during start() leaves nothing running", async () => {
  let listening = (): void => {};
  const slow = new TestTransport("slow", () => new Promise((resolve) => (listening = resolve)));
  const late = new TestTransport("late");
  const { server, clock } = compose({ plugins: [slow.plugin(), late.plugin()] });
  const states = statesOf(server);
  const starting = server.start().catch((error: Error) => error.message);
  await settle();
  const stopping = server.stop();
  await settle();
  listening();
  await stopping;
  assert.match(String(await starting), /stopped/);
  assert.ok(!late.isListening && !slow.isListening);
  assert.ok(!states.includes("running"), states.join());
  assert.is(clock.timerCount, 0);
});

test("stopping is bounded when a part hangs, and the other parts are stopped", async () => {
  const hanging = new TestTransport("hanging", undefined, () => new Promise(() => {}));
  const other = new TestTransport("other");
  const { server, clock, messages } = await startServer({
    plugins: [hanging.plugin(), other.plugin()],
  });
  const stopping = server.stop();
  await settle();
  clock.advance(15_000);
  await stopping;
  assert.is(other.calls.at(-1), "close");
  assert.ok(messages.some((text) => text.includes("takes too long")));
});

test("a part that fails to stop, at once or later, keeps no other from stopping", async () => {
  const throwing = new TestTransport("throwing", undefined, () => {
    throw new Error("not even a promise");
  });
  const rejecting = new TestTransport("rejecting", undefined, () =>
    Promise.reject(new Error("no")),
  );
  const other = new TestTransport("other");
  const { server, messages } = await startServer({
    plugins: [throwing.plugin(), rejecting.plugin(), other.plugin()],
  });
  const states = statesOf(server);
  await server.stop();
  assert.is(states.at(-1), "complete");
  assert.is(other.calls.at(-1), "close");
  assert.is(messages.filter((text) => text.includes("a step of stopping failed")).length, 2);
});

test("two servers of one process do not know of each other", async () => {
  const [first, second] = await Promise.all([startServer(), startServer()]);
  const { line: one } = await Line.open(first.server);
  const { line: two } = await Line.open(second.server);
  await one.ask(frames.create(1, "/only-here"));
  assert.equal(await two.ask(frames.exists(1, "/only-here")), ["1:-101"]);
  await first.server.stop();
  assert.ok(one.isClosed && !two.isClosed);
  assert.equal(await two.ask(frames.create(2, "/a")), ["2:0"]);
  await second.server.stop();
});

test("a disk that fails stops the server, acknowledges nothing, and errors the state", async () => {
  const transport = new TestTransport("only");
  const { server, disk } = await startServer({ plugins: [transport.plugin()] });
  const states = statesOf(server);
  const { line } = await Line.open(server);
  const { line: other } = await Line.open(server);
  disk.shut();
  line.send(frames.create(1, "/a"), frames.create(2, "/b"));
  await settle();
  disk.fail();
  await settle();
  assert.equal(line.takeShort(), []);
  assert.ok(line.isDestroyed && other.isDestroyed);
  assert.is(transport.calls.at(-1), "close");
  assert.equal(states, ["running", "stopping", "no space is left"]);
  assert.is(await new Line(server).connect(), undefined);
});

test("a disk that fails during stop() errors the state, and stop() ends", async () => {
  const { server, disk } = await startServer();
  const states = statesOf(server);
  const { line } = await Line.open(server);
  disk.shut();
  line.send(frames.create(1, "/a"));
  await settle();
  const stopping = server.stop();
  await settle();
  disk.fail();
  await stopping;
  assert.is(states.at(-1), "no space is left");
  assert.equal(line.takeShort(), []);
});

test("a bug met in a client's frame stops that server alone, and throws at nobody", async () => {
  const broken = await startServer();
  const healthy = await startServer();
  const states = statesOf(broken.server);
  const { line } = await Line.open(broken.server);
  broken.clock.wallTime = () => {
    throw new InvariantError("a bug");
  };
  line.send(frames.create(1, "/a"));
  await settle();
  assert.ok(line.isDestroyed);
  assert.is(states.at(-1), "a bug");
  const { line: other } = await Line.open(healthy.server);
  assert.equal(await other.ask(frames.create(1, "/a")), ["1:0"]);
  await healthy.server.stop();
});

test("in-process clients count for no limit by address", async () => {
  const { server } = await startServer({ maxClientCnxns: 1 });
  const clients = await Promise.all([server.connect(), server.connect()]);
  await clients[0].create("/a");
  assert.ok((await clients[1].exists("/a")) !== null);
  await Promise.all(clients.map((client) => client.close()));
  await server.stop();
});

async function rejects(promise: Promise<unknown>, message: RegExp): Promise<void> {
  const error = await promise.then(
    () => undefined,
    (thrown: Error) => thrown,
  );
  assert.match(String(error?.message), message);
}

test.run();
