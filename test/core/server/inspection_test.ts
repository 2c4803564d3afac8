import { test } from "uvu";
import * as assert from "uvu/assert";
import { INSPECTION, type ServerInspection } from "../../../core/contracts/inspection.ts";
import { TRANSPORT, type Transport } from "../../../core/contracts/transport.ts";
import type { Plugin } from "../../../core/kernel/plugin.ts";
import { compose, valuePlugin } from "./fixture.ts";
import { Line } from "./line.ts";

/** A transport that is asked nothing but how many shake hands. */
function shaking(name: string, handshakeCount: number): Plugin {
  const done = (): Promise<void> => Promise.resolve();
  const transport: Transport = {
    name,
    address: "",
    port: 0,
    handshakeCount,
    listen: done,
    close: done,
  };
  return valuePlugin(name, TRANSPORT, transport);
}

/** Lets a test look into the server that it is composed into. */
class Operator {
  inspection: (() => ServerInspection) | undefined;
  readonly plugin: Plugin = {
    name: "operator",
    provides: [],
    requires: [INSPECTION],
    register: (container) => {
      this.inspection = () => container.get(INSPECTION);
    },
  };
}

test("connections without TLS count by where they come from, handshakes on any port", async () => {
  const operator = new Operator();
  const plugins = [operator.plugin, shaking("one", 2), shaking("other", 3)];
  const { server } = compose({ plugins, maxClientCnxns: 2 });
  await server.start();
  const addresses = ["127.0.0.1", "::1", "10.0.0.7", "10.0.0.7", "10.0.0.7"];
  const lines = addresses.map((address) => new Line(server, address));
  assert.ok(lines.at(-1)?.isRefused);
  for (const line of lines) line.cut();
  const encrypted = await server.connect();
  const stats = operator.inspection?.().stats();
  assert.equal(stats?.plainConnections, { local: 2, remote: 2 });
  assert.is(stats?.handshakeCount, 5);
  operator.inspection?.().resetServerStats();
  assert.equal(operator.inspection?.().stats().plainConnections, { local: 2, remote: 2 });
  await encrypted.close();
  await server.stop();
});

test("of ten clients four are shed, spread over all, and their sessions live on", async () => {
  const operator = new Operator();
  const { server } = compose({ plugins: [operator.plugin] });
  await server.start();
  const clients = [];
  for (let i = 0; i < 10; i++) clients.push(await server.connect());
  const lost: number[] = [];
  for (const [i, client] of clients.entries()) {
    await client.create(`/e${i}`, "", { mode: "ephemeral" });
    client.state$.subscribe(({ status }) => {
      if (status === "suspended") lost.push(i);
    });
  }
  assert.is(operator.inspection?.().shedConnections(44), 4);
  const children = await clients[1]?.getChildren("/");
  assert.is(children?.children.length, 11, "with those of the four");
  assert.equal(lost, [0, 2, 5, 7]);
  assert.is(operator.inspection?.().shedConnections(0), 0);
  assert.is(operator.inspection?.().shedConnections(100), 6);
  assert.is(operator.inspection?.().shedConnections(100), 0);
  await server.stop();
});

test.run();
