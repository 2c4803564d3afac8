import { test } from "uvu";
import * as assert from "uvu/assert";
import type { ByteSink, Connection } from "../../core/contracts/transport.ts";
import type { Machine } from "../../simulation/machine.ts";
import { Network, SimulatedTransport, simulatedDialer } from "../../simulation/network.ts";
import { testTransport } from "../conformance/transport.ts";
import { Pump } from "./pump.ts";

const pump = new Pump();
let made = 0;
const homes = new WeakMap<object, { network: Network; server: Machine }>();
let newest: { network: Network; server: Machine };

function makeAt(port: number): SimulatedTransport {
  const { network, server } = newest;
  const transport = new SimulatedTransport(network, server, port);
  homes.set(transport, newest);
  return transport;
}

testTransport({
  test,
  make: () => {
    made += 1;
    newest = { network: new Network(pump.scheduler, pump.random), server: pump.machine("server") };
    newest.network.add(newest.server);
    return makeAt(0);
  },
  makeAt, // On the machine made last.
  dialer: (transport) => {
    const { network, server } = homes.get(transport)!;
    made += 1;
    const machine = pump.machine(`client${made}`);
    network.add(machine);
    return simulatedDialer(network, machine, { host: server.name, port: transport.port });
  },
});

/** Two machines, and a connection from `a` to `b`. */
async function joined() {
  const network = new Network(pump.scheduler, pump.random);
  const [a, b] = [pump.machine("a"), pump.machine("b")] as const;
  network.add(a);
  network.add(b);
  const heard = { a: new Heard(), b: new Heard() };
  let accepted: Connection | undefined;
  network.listen(b, 1, (connection) => {
    accepted = connection;
    return heard.b;
  });
  const target = { host: "b", port: 1, effect: "peer-send", timeoutMs: 5_000 } as const;
  const dialed = await network.dial(a, target, () => heard.a);
  await pass(10);
  return { network, a, b, dialed, accepted: accepted!, heard, target };
}

class Heard implements ByteSink {
  readonly events: string[] = [];
  chunk(bytes: Uint8Array): void {
    this.events.push(`${bytes.length}`);
  }
  writable(): void {}
  ended(): void {
    this.events.push("ended");
  }
  closed(): void {
    this.events.push("closed");
  }
}

/** Virtual time. */
function pass(ms: number): Promise<void> {
  return new Promise((resolve) => pump.scheduler.after(ms, resolve));
}

test("bytes wait where a route is blocked, one way too, and come in order after it", async () => {
  const { network, dialed, accepted, heard } = await joined();
  network.route("a", "b").block();
  dialed.write(new Uint8Array(1));
  dialed.write(new Uint8Array(2));
  accepted.write(new Uint8Array(9));
  await pass(10_000);
  assert.equal([heard.a.events, heard.b.events], [["9"], []]);
  network.route("a", "b").open();
  await pass(10);
  assert.equal(heard.b.events, ["1", "2"]);
});

test("a killed process leaves its peers an end, one without power nothing", async () => {
  const killed = await joined();
  killed.b.crash("killed");
  await pass(10);
  assert.equal(killed.heard.a.events, ["ended", "closed"]);
  const lost = await joined();
  lost.b.crash("power-lost");
  lost.dialed.write(new Uint8Array(1));
  await pass(100_000);
  assert.equal(lost.heard.a.events, []);
  lost.b.start();
  lost.network.powerOn("b");
  lost.dialed.write(new Uint8Array(1));
  await pass(10);
  assert.equal(lost.heard.a.events, ["closed"], "the new life knows no such connection");
  assert.equal(lost.heard.b.events, []);
});

test("a process that has died takes no port of its next life", async () => {
  const { network, b } = await joined();
  b.crash("killed");
  network.listen(b, 1, () => undefined); // What the step in which it died goes on to do.
  b.start();
  network.listen(b, 1, () => undefined);
});

test("half of a connection may be lost without a word to the other half", async () => {
  const { network, accepted, heard } = await joined();
  network.halfOpen("a", "b");
  await pass(100_000);
  assert.equal([heard.a.events, heard.b.events], [["closed"], []]);
  accepted.write(new Uint8Array(1));
  await pass(10);
  assert.equal(heard.b.events, ["closed"]);
});

test("dial() is refused by a killed process, and unreachable without power or route", async () => {
  const { network, a, b, target } = await joined();
  const kindOf = (): Promise<string> =>
    network
      .dial(a, target, () => new Heard())
      .then(
        () => "none",
        (error) => error.kind,
      );
  network.route("b", "a").block();
  assert.is(await kindOf(), "unreachable");
  network.route("b", "a").open();
  b.crash("killed");
  assert.is(await kindOf(), "refused");
  b.start();
  b.crash("power-lost");
  assert.is(await kindOf(), "unreachable");
});

test("a paused process takes bytes when it goes on, and a dead one never", async () => {
  const { dialed, b, heard } = await joined();
  b.pause();
  dialed.write(new Uint8Array(3));
  await pass(60_000);
  assert.equal(heard.b.events, []);
  b.resume();
  await pass(1);
  assert.equal(heard.b.events, ["3"]);
  b.pause();
  dialed.write(new Uint8Array(4));
  await pass(10);
  b.crash("killed");
  await pass(10);
  assert.equal(heard.b.events, ["3"]);
});

test("a process dies at the effect it was told to, before it takes place", async () => {
  const { dialed, a, heard } = await joined();
  a.crashAt("peer-send", 2, "power-lost");
  for (let sizeBytes = 1; sizeBytes <= 3; sizeBytes++) dialed.write(new Uint8Array(sizeBytes));
  await pass(10);
  assert.is(a.isAlive, false);
  assert.ok(!heard.b.events.includes("2") && !heard.b.events.includes("3"));
});

test.after(() => pump.stop());
test.run();
