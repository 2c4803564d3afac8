import { once } from "node:events";
import { copyFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { parseServers } from "../../client/servers.ts";
import { tcpDialer } from "../../client/transports/tcp.ts";
import { type ClientTlsOptions, tlsDialer } from "../../client/transports/tls.ts";
import type { Connection, Peer, Transport } from "../../core/contracts/transport.ts";
import { checkTlsOptions, type TlsOptions } from "../../transports/tcp/mod.ts";
import { HOST, TlsFixture } from "./tls_fixture.ts";

const fixture = new TlsFixture();
test.after(() => fixture.remove());

/** As long as the head of a TLS record, so that its reader need not wait for more. */
const FRAME = new Uint8Array(5);
/** Short enough to wait for its end, long enough for a handshake on a busy machine. */
const HANDSHAKE_MS = 2_000;

/** A transport that listens and echoes, and who came in. */
class Echo {
  readonly transport: Transport;
  readonly peers: Peer[] = [];

  constructor(transport: Transport) {
    this.transport = transport;
  }

  listen(): Promise<void> {
    return this.transport.listen((connection) => {
      this.peers.push(connection.peer);
      return {
        chunk: (bytes) => void connection.write(bytes.slice()),
        writable: () => {},
        ended: () => connection.end(),
        closed: () => {},
      };
    });
  }

  /** Whether a byte comes back from the server, by TLS with the certificate `name`, or without. */
  async letsIn(name: string | undefined, isPlain = false): Promise<boolean> {
    const { port } = this.transport;
    const dialer = isPlain ? tcpDialer(HOST, port) : tlsDialer(HOST, port, fixture.client(name));
    return await new Promise((resolve) => {
      const open = (connection: Connection) => ({
        chunk: (bytes: Uint8Array) => {
          connection.destroy();
          resolve(bytes.length === FRAME.length && bytes.every((byte) => byte === 0));
        },
        writable: () => {},
        ended: () => connection.destroy(),
        closed: () => resolve(false),
      });
      dialer.dial(open).then(
        (connection) => connection.write(FRAME),
        () => resolve(false),
      );
    });
  }
}

async function using(
  options: Partial<TlsOptions>,
  run: (echo: Echo) => Promise<void>,
  timeoutMs?: number,
): Promise<void> {
  const echo = new Echo(fixture.transport(options, timeoutMs));
  await echo.listen();
  try {
    await run(echo);
  } finally {
    await echo.transport.close();
  }
}

/** Opens a connection that says nothing by itself. */
async function dialMute(port: number): Promise<Socket> {
  const socket = connect(port, HOST);
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

function failures(): number {
  return fixture.metrics.counter("unsuccessful_handshake", "").value;
}

test("clientAuth need lets in whom the trust store knows, and nobody else", async () => {
  await using({}, async (echo) => {
    for (const [name, isPlain] of [[undefined], ["stranger"], [undefined, true]] as const) {
      const before = failures();
      assert.is(await echo.letsIn(name, isPlain), false);
      assert.is.not(failures(), before);
    }
    assert.equal(echo.peers, []);
    assert.is(await echo.letsIn("client"), true);
    assert.is(echo.peers[0]?.secure, true);
    assert.is(echo.peers[0]?.certificateSubject, "CN=client,O=Zoo\\, Inc,C=DE");
  });
});

test("clientAuth want lets in clients without a certificate, but no strangers", async () => {
  await using({ clientAuth: "want" }, async (echo) => {
    assert.is(await echo.letsIn("stranger"), false);
    assert.equal(echo.peers, []);
    assert.is(await echo.letsIn(undefined), true);
    assert.is(await echo.letsIn("client"), true);
    const subjects = echo.peers.map(({ certificateSubject }) => certificateSubject);
    assert.equal(subjects, [undefined, "CN=client,O=Zoo\\, Inc,C=DE"]);
  });
});

test("clientAuth none asks for no certificate and takes none for an identity", async () => {
  await using({ clientAuth: "none", trustStore: undefined }, async (echo) => {
    assert.is(await echo.letsIn("stranger"), true);
    assert.is(await echo.letsIn(undefined), true);
    assert.equal(
      echo.peers.map(({ certificateSubject, secure }) => [certificateSubject, secure]),
      [
        [undefined, true],
        [undefined, true],
      ],
    );
  });
});

test("acceptsPlain tells TLS from plain by the first byte, for one client each", async () => {
  await using({ acceptsPlain: true }, async (echo) => {
    assert.is(await echo.letsIn(undefined, true), true);
    assert.is(await echo.letsIn("client"), true);
    assert.is(await echo.letsIn("stranger"), false);
    assert.is(await echo.letsIn(undefined), false);
    assert.equal(
      echo.peers.map(({ certificateSubject, secure }) => [certificateSubject, secure]),
      [
        [undefined, false],
        ["CN=client,O=Zoo\\, Inc,C=DE", true],
      ],
    );
  });
});

test("a handshake that is begun and not ended is given up in time", async () => {
  for (const acceptsPlain of [false, true]) {
    const run = async (echo: Echo): Promise<void> => {
      const mute = await dialMute(echo.transport.port);
      const half = await dialMute(echo.transport.port);
      half.write(new Uint8Array([0x16, 3, 1, 2, 0, 1]));
      await Promise.all([once(mute, "close"), once(half, "close")]);
      assert.equal(echo.peers, []);
      assert.is(await echo.letsIn("client"), true);
    };
    await using({ acceptsPlain }, run, HANDSHAKE_MS);
  }
});

test("a connection that has shaken hands outlives the time for handshakes", async () => {
  const run = async ({ transport }: Echo): Promise<void> => {
    const socket = connectTls({
      port: transport.port,
      host: HOST,
      ...fixture.client("client"),
    } as object);
    await once(socket, "secureConnect");
    const mute = await dialMute(transport.port);
    await once(mute, "close"); // Came later, and its time is over.
    socket.write("x");
    await once(socket, "data");
    socket.destroy();
  };
  await using({}, run, HANDSHAKE_MS);
});

test("above handshakesMax the oldest handshake is given up, and clients get in", async () => {
  await using({ handshakesMax: 3 }, async (echo) => {
    const mute = [];
    for (let i = 0; i < 3; i++) mute.push(await dialMute(echo.transport.port));
    const gone = once(mute[0] as Socket, "close");
    assert.is(await echo.letsIn("client"), true);
    await gone;
    assert.is(mute[2]?.destroyed, false);
    const counter = fixture.metrics.counter("tls_handshake_exceeded", "");
    assert.is(counter.value, 1);
    assert.is(echo.transport.handshakeCount, 2);
    for (const socket of mute) socket.destroy();
  });
});

test("garbage instead of a handshake is counted and logged, and others get in", async () => {
  const run = async (echo: Echo): Promise<void> => {
    const before = failures();
    for (const bytes of [
      [0, 0, 0, 45, 0, 0],
      [0x16, 3, 3, 0, 2, 99, 99],
      [0x16, 9, 9, 255, 255],
    ]) {
      const socket = await dialMute(echo.transport.port);
      const closed = once(socket, "close");
      socket.resume();
      socket.end(new Uint8Array(bytes));
      await closed;
    }
    assert.is(await echo.letsIn("client"), true);
    assert.is(echo.peers.length, 1);
    assert.ok(failures() > before);
    assert.ok(fixture.said.some((line) => line.startsWith("a TLS handshake failed")));
  };
  await using({}, run, 2_000);
});

test("stores that change are read again, and what cannot be read changes nothing", async () => {
  const { certificates } = fixture;
  const trust = certificates.path("trust.pem");
  copyFileSync(certificates.path("ca.pem"), trust);
  const heard = (text: string): Promise<void> => {
    return new Promise((resolve) => {
      fixture.heard = () => {
        if (fixture.said.at(-1)?.startsWith(text) === true) resolve();
      };
    });
  };
  await using({ trustStore: { location: trust }, reloadCheckMs: 20 }, async (echo) => {
    assert.is(await echo.letsIn("stranger"), false);
    let told = heard("certificates reloaded");
    copyFileSync(certificates.path("other.pem"), trust);
    await told;
    assert.is(await echo.letsIn("stranger"), true);
    assert.is(await echo.letsIn("client"), false);
    told = heard("certificates not reloaded");
    copyFileSync(certificates.path("ca.key"), trust);
    await told;
    assert.is(await echo.letsIn("stranger"), true);
  });
});

test("a PKCS12 store that changes is read again, but not with another password", async () => {
  const { certificates } = fixture;
  const trust = certificates.path("trust.p12");
  const write = (authority: string, password: string): void => {
    const from = ["-in", certificates.path(`${authority}.pem`), "-passout", `pass:${password}`];
    certificates.openssl([..."pkcs12 -export -nokeys -out".split(" "), trust, ...from]);
  };
  const heard = (text: string): Promise<string> => {
    return new Promise((resolve) => {
      fixture.heard = () => {
        if (fixture.said.at(-1)?.startsWith(text) === true) resolve(fixture.said.at(-1) ?? "");
      };
    });
  };
  write("ca", "secret");
  const trustStore = { location: trust, password: "secret" };
  await using({ trustStore, reloadCheckMs: 20 }, async (echo) => {
    assert.is(await echo.letsIn("client"), true);
    assert.is(await echo.letsIn("stranger"), false);
    const refused = heard("certificates not reloaded");
    write("other", "another");
    await refused;
    assert.is(await echo.letsIn("client"), true);
    assert.is(await echo.letsIn("stranger"), false);
    const reloaded = heard("certificates reloaded");
    write("other", "secret");
    await reloaded;
    assert.is(await echo.letsIn("client"), false);
    assert.is(await echo.letsIn("stranger"), true);
  });
});

test("a trust store without the root of what it holds is warned of", async () => {
  const trustStore = { location: fixture.certificates.path("client.pem") };
  await using({ trustStore }, async (echo) => {
    const warning = 'trusted in vain: add the root that certified these {"lost":["CN=client,O=Zoo';
    const isWarned = fixture.said.some((line) => line.startsWith(warning));
    assert.is(isWarned, !("Deno" in globalThis));
    assert.is(await echo.letsIn("client"), "Deno" in globalThis);
  });
});

test("ciphersuites holds clients to suites, or the runtime is named that cannot", async () => {
  const suite = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384";
  if ("Deno" in globalThis) {
    const transport = fixture.transport({ ciphersuites: [suite] });
    const { message } =
      (await transport.listen(() => undefined).catch((error: Error) => error)) ?? {};
    assert.match(message ?? "", "ciphersuites: Deno cannot be held to suites");
    return;
  }
  await using({ ciphersuites: [suite] }, async ({ transport }) => {
    const dialed = async (ciphers?: string): Promise<string> => {
      const own = { ...fixture.client("client"), ...(ciphers !== undefined && { ciphers }) };
      const socket = connectTls({ port: transport.port, host: HOST, ...own } as object);
      const name = await once(socket, "secureConnect").then(
        () => socket.getCipher().standardName,
        () => "refused",
      );
      socket.destroy();
      return name;
    };
    assert.is(await dialed(), suite);
    assert.is(await dialed("ECDHE-ECDSA-AES128-GCM-SHA256"), "refused");
  });
});

test("ciphersuites that leave no version, or are not there, are refused", () => {
  if ("Deno" in globalThis) return;
  const refusal = (options: Partial<TlsOptions>): string => {
    try {
      checkTlsOptions(fixture.options(options));
      return "";
    } catch (error) {
      return (error as Error).message;
    }
  };
  const [old, none] = ["TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "TLS_RSA_WITH_NOTHING_SHA"];
  assert.is(refusal({ ciphersuites: [none] }), `ciphersuites: this runtime does not have ${none}`);
  assert.match(
    refusal({ ciphersuites: [old], versions: ["TLSv1.3", "TLSv1.3"] }),
    /^ciphersuites: none is of TLSv1\.3/,
  );
  assert.is(refusal({ ciphersuites: [old, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"] }), "");
  const bun = "ciphersuites: Bun cannot be held to suites of TLSv1.3: name none of them";
  const fresh = refusal({ ciphersuites: ["TLS_AES_128_GCM_SHA256"] });
  assert.is(fresh, "Bun" in globalThis ? bun : "");
});

test("tlsDialer refuses a server whose certificate nobody has certified", async () => {
  await using({}, async ({ transport }) => {
    const options = { ...fixture.client("client"), ca: fixture.certificates.text("other.pem") };
    let message = "";
    const sink = { chunk: () => {}, writable: () => {}, ended: () => {}, closed: () => {} };
    await tlsDialer(HOST, transport.port, options)
      .dial(() => sink)
      .catch((error: Error) => (message = error.message));
    assert.match(message, `connect by TLS to ${HOST}:${transport.port}`);
  });
});

test("a list of servers is dialed by TLS where it says so, or where tls is given", async () => {
  await using({}, async ({ transport, peers }) => {
    const tls = fixture.client("client");
    const sink = { chunk: () => {}, writable: () => {}, ended: () => {}, closed: () => {} };
    const dial = async (list: string, options: ClientTlsOptions | undefined): Promise<string> => {
      const [server] = parseServers(list, { tls: options }).servers;
      try {
        const connection = await server?.dialer.dial(() => sink);
        connection?.destroy();
        return connection?.peer.secure === true ? "secure" : "plain";
      } catch (error) {
        return String(error);
      }
    };
    const address = `${HOST}:${transport.port}`;
    assert.is(await dial(address, tls), "secure");
    assert.is(await dial(`tls://${address}`, tls), "secure");
    assert.match(await dial(`tls://${address}`, undefined), "connect by TLS to");
    assert.is(await dial(address, undefined), "plain");
    const otherName = { ...tls, serverName: "elsewhere.example" };
    assert.match(await dial(address, otherName), "ERR_TLS_CERT_ALTNAME_INVALID");
    assert.is(await dial(address, { ...otherName, checksName: false }), "secure");
    const otherAuthority = { ...tls, ca: fixture.certificates.text("other.pem") };
    assert.match(await dial(address, { ...otherAuthority, checksName: false }), "by TLS to");
    assert.ok(peers.every(({ secure }) => secure));
  });
});

test.run();
