import { test } from "uvu";
import * as assert from "uvu/assert";
import { INSPECTION, type ServerInspection } from "../../core/contracts/inspection.ts";
import type { Plugin } from "../../core/kernel/plugin.ts";
import { createServer, essentials, memoryStorage, tcpTransport, tlsTransport } from "../../mod.ts";
import { HOST, TlsFixture } from "./tls_fixture.ts";

const fixture = new TlsFixture();
test.after(() => fixture.remove());

/** The ports that operators see of a server with these transports, as free or taken. */
async function portsOf(...transports: Plugin[]): Promise<string[]> {
  let inspection: (() => ServerInspection) | undefined;
  const operator: Plugin = {
    name: "operator",
    provides: [],
    requires: [INSPECTION],
    register: (container) => {
      inspection = () => container.get(INSPECTION);
    },
  };
  const server = createServer({
    plugins: [...essentials({ logLevel: "silent" }), memoryStorage(), ...transports, operator],
  });
  await server.start();
  const { clientPort, secureClientPort } = inspection!().limits;
  await server.stop();
  return [clientPort, secureClientPort].map((port) => (port === -1 ? "none" : "open"));
}

test("operators see a port for TLS alone as secure, and one for both as plain", async () => {
  const tcp = tcpTransport({ host: HOST, port: 0 });
  const tls = tlsTransport(fixture.options());
  assert.equal(await portsOf(tls), ["none", "open"]);
  assert.equal(await portsOf(tls, tcp), ["open", "open"]);
  assert.equal(await portsOf(tcp), ["open", "none"]);
  assert.equal(await portsOf(tlsTransport(fixture.options({ acceptsPlain: true }))), [
    "open",
    "none",
  ]);
});

test.run();
