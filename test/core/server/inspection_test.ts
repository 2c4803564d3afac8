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

test("connections without TLS count by where they come from, handshakes on any port", async () => {
  let inspection: (() => ServerInspection) | undefined;
  const operator: Plugin = {
    name: "operator",
    provides: [],
    requires: [INSPECTION],
    register: (container) => {
      inspection = () => container.get(INSPECTION);
    },
  };
  const plugins = [operator, shaking("one", 2), shaking("other", 3)];
  const { server } = compose({ plugins, maxClientCnxns: 2 });
  await server.start();
  const addresses = ["127.0.0.1", "::1", "10.0.0.7", "10.0.0.7", "10.0.0.7"];
  const lines = addresses.map((address) => new Line(server, address));
  assert.ok(lines.at(-1)?.isRefused);
  for (const line of lines) line.cut();
  const encrypted = await server.connect();
  const stats = inspection?.().stats();
  assert.equal(stats?.plainConnections, { local: 2, remote: 2 });
  assert.is(stats?.handshakeCount, 5);
  inspection?.().resetServerStats();
  assert.equal(inspection?.().stats().plainConnections, { local: 2, remote: 2 });
  await encrypted.close();
  await server.stop();
});

test.run();
