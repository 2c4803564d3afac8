import { copyFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { PeerListener } from "../../core/contracts/peer_network.ts";
import { type PeerTlsOptions, TlsPeerNetwork } from "../../transports/tcp/mod.ts";
import { End } from "../conformance/transport_pair.ts";
import { HOST, TlsFixture } from "./tls_fixture.ts";

const fixture = new TlsFixture();
const { certificates } = fixture;
certificates.leaf("elsewhere", "ca", "IP:127.9.9.9,DNS:elsewhere.example");
certificates.leaf("named", "ca", "DNS:localhost");
const listeners: PeerListener[] = [];
test.after.each(async () => {
  for (const listener of listeners.splice(0)) await listener.close();
});
test.after(() => fixture.remove());

/** As long as the head of a TLS record, so that its reader need not wait for more. */
const FRAME = new Uint8Array(5);

/** A server of the ensemble, by the name of its certificate. */
function server(name: string, changes: Partial<PeerTlsOptions> = {}): TlsPeerNetwork {
  const keyStore = { location: certificates.path(`${name}.both.pem`) };
  const trustStore = { location: certificates.path("ca.pem") };
  return new TlsPeerNetwork({ keyStore, trustStore, ...changes }, fixture.parts());
}

/** A server that listens and answers whatever it hears with a byte. */
class Answering {
  readonly secure: boolean[] = [];
  #port = 0;

  async start(network: TlsPeerNetwork): Promise<this> {
    const listener = await network.listen({ host: HOST, port: 0 }, (connection) => {
      this.secure.push(connection.peer.secure);
      return {
        chunk: () => void connection.write(new Uint8Array(1)),
        writable: () => {},
        ended: () => connection.end(),
        closed: () => {},
      };
    });
    listeners.push(listener);
    this.#port = listener.port;
    return this;
  }

  /** Whether `from` gets an answer; both sides say in the log why not. */
  async answers(from: TlsPeerNetwork, host = HOST): Promise<boolean> {
    let end: End | undefined;
    const to = { host, port: this.#port };
    try {
      await from.dial(to, 5_000, (connection) => {
        end = new End(connection);
        return end;
      });
    } catch {
      return false;
    }
    end?.connection.write(FRAME);
    await end?.until("an answer, or the end", () => isOver(end));
    end?.connection.destroy();
    return end?.receivedBytes === 1; // More is an alert of TLS.
  }
}

function isOver(end: End | undefined): boolean {
  return end === undefined || end.receivedBytes > 0 || end.isClosed || end.count("ended") > 0;
}

/** What was logged since the last call. */
function said(): string {
  return fixture.said.splice(0).join("\n");
}

test("servers that trust each other's certificates are connected, encrypted", async () => {
  const at = await new Answering().start(server("server"));
  assert.is(await at.answers(server("client")), true);
  assert.is(await at.answers(server("client"), "localhost"), true);
  assert.equal(at.secure, [true, true]);
});

test("a server of another authority is refused, whoever dials", async () => {
  said();
  const trustStore = { location: certificates.path("other.pem") };
  const stranger = server("stranger", { trustStore });
  const gullible = server("stranger");
  const at = await new Answering().start(server("server"));
  assert.is(await at.answers(stranger), false);
  assert.match(said(), /a TLS handshake failed .*"server":"127\.0\.0\.1:/);
  assert.is(await at.answers(gullible), false);
  assert.equal(at.secure, []);
  const lure = await new Answering().start(gullible);
  assert.is(await lure.answers(server("server")), false);
  assert.equal(lure.secure, []);
});

test("a certificate for another host is refused by either side, if names are checked", async () => {
  said();
  const at = await new Answering().start(server("elsewhere", { checksNames: false }));
  assert.is(await at.answers(server("client")), false);
  assert.match(said(), "its certificate is not for 127.0.0.1");
  assert.is(await at.answers(server("client", { checksNames: false })), true);
  const strict = await new Answering().start(server("server"));
  assert.is(await strict.answers(server("elsewhere")), false);
  assert.match(said(), /its certificate is n[a-z ]+ for 127\.0\.0\.1/);
  const mild = await new Answering().start(server("server", { checksNamesOfDiallers: false }));
  assert.is(await mild.answers(server("elsewhere")), true);
});

test("a name is as good as the address that it belongs to, if it may be looked up", async () => {
  const at = await new Answering().start(server("server"));
  assert.is(await at.answers(server("named")), true);
  const strict = await new Answering().start(server("server", { looksUpNames: false }));
  assert.is(await strict.answers(server("named")), false);
});

test("servers change from plain to TLS one by one and are connected all the time", async () => {
  const steps = [
    server("server", { acceptsPlain: true, dialsPlain: true }),
    server("server", { acceptsPlain: true }),
    server("server"),
  ];
  for (const [i, one] of steps.entries()) {
    for (const other of steps.slice(Math.max(0, i - 1), i + 2)) {
      const at = await new Answering().start(other);
      assert.is(await at.answers(one), true);
    }
  }
  const last = await new Answering().start(steps[2] as TlsPeerNetwork);
  assert.is(await last.answers(steps[0] as TlsPeerNetwork), false);
});

test("stores that change count for new connections, accepted and dialled", async () => {
  const trust = certificates.path("peers.pem");
  copyFileSync(certificates.path("ca.pem"), trust);
  const changing = server("server", { trustStore: { location: trust }, reloadCheckMs: 20 });
  const at = await new Answering().start(changing);
  assert.is(await at.answers(server("stranger")), false);
  const told = new Promise<void>((resolve) => {
    fixture.heard = () => {
      if (fixture.said.at(-1)?.startsWith("certificates reloaded") === true) resolve();
    };
  });
  copyFileSync(certificates.path("other.pem"), trust);
  await told;
  assert.is(await at.answers(server("stranger")), true);
  const other = await new Answering().start(server("stranger"));
  assert.is(await other.answers(changing), true);
  assert.is(await at.answers(changing), false); // It does not trust its own authority any more.
});

test.run();
