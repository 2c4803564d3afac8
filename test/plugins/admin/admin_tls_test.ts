import { request as requestPlain } from "node:http";
import { request } from "node:https";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { AdminCommand } from "../../../core/contracts/admin.ts";
import type { Id } from "../../../core/wire/records.ts";
import { AdminService, type HttpTls } from "../../../plugins/admin/mod.ts";
import { IpAuth, X509Auth } from "../../../plugins/auth/mod.ts";
import { ConsoleLogger, SystemClock } from "../../../plugins/system/mod.ts";
import { cipherSettings, readCredentials, subjectOf } from "../../../transports/tcp/mod.ts";
import { TlsFixture } from "../../transports/tls_fixture.ts";
import { sampleInspection } from "./sample.ts";

const fixture = new TlsFixture();
test.after(() => fixture.remove());

const GUARDED: AdminCommand = {
  names: ["guarded"],
  method: "POST",
  needsServing: false,
  needsAuthority: true,
  run: () => ({}),
};

interface Answer {
  readonly status: number;
  readonly isOnlySecure: boolean;
  readonly text: string;
}

/** Runs `use` beside a server by TLS; `asked` gathers the identities of who wants authority. */
async function withAdmin(
  changes: { readonly acceptsPlain?: boolean; readonly clientAuth?: "need" },
  use: (port: number, asked: Id[]) => Promise<void>,
): Promise<void> {
  const { acceptsPlain = false, clientAuth = "none" } = changes;
  const settings = fixture.options({ clientAuth });
  const stores = readCredentials(settings);
  const tls: HttpTls = { ...stores, ...cipherSettings(settings), acceptsPlain, subjectOf };
  const asked: Id[] = [];
  const mayAdminister = (ids: readonly Id[]): boolean => {
    asked.push(...ids);
    return true;
  };
  const parts = {
    inspection: sampleInspection({ mayAdminister }),
    clock: new SystemClock(),
    logger: new ConsoleLogger("silent"),
    providers: [new IpAuth(), new X509Auth()],
    commands: [GUARDED],
  };
  const service = new AdminService(parts, { port: 0, tls });
  await service.start();
  try {
    await use(service.port, asked);
  } finally {
    await service.stop();
  }
}

function ask(port: number, options: object = {}, isPlain = false): Promise<Answer> {
  const to = { host: "127.0.0.1", port, path: "/commands/guarded", method: "POST", agent: false };
  return new Promise((resolve, reject) => {
    const send = isPlain ? requestPlain : request;
    const sent = send({ ...to, ca: fixture.certificates.text("ca.pem"), ...options }, (answer) => {
      let text = "";
      answer.on("data", (chunk) => {
        text += chunk;
      });
      const isOnlySecure = answer.headers["strict-transport-security"] !== undefined;
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, isOnlySecure, text }));
    });
    sent.on("error", reject);
    sent.end();
  });
}

const fails = (work: Promise<Answer>): Promise<boolean> =>
  work.then(
    () => false,
    () => true,
  );

test("an admin server that forces TLS answers by TLS, and nobody without", () =>
  withAdmin({}, async (port, asked) => {
    const answer = await ask(port, { headers: { authorization: "ip" } });
    assert.is(answer.status, 200);
    assert.ok(answer.isOnlySecure);
    assert.match(answer.text, /"command" : "guarded"/);
    assert.equal(asked, [{ scheme: "ip", id: "127.0.0.1" }]);
    assert.ok(await fails(ask(port, {}, true)), "plain HTTP is answered");
  }));

test("one port answers by TLS and without, where that is asked for", () => {
  if ("Bun" in globalThis) return; // Its servers for HTTP take no connections of others.
  return withAdmin({ acceptsPlain: true }, async (port) => {
    const [plain, secure] = [await ask(port, {}, true), await ask(port)];
    assert.equal([plain.status, plain.isOnlySecure], [401, false]);
    assert.equal([secure.status, secure.isOnlySecure], [401, true]);
  });
});

test("who shows a certificate is an identity of x509, and nobody else gets an answer", () =>
  withAdmin({ clientAuth: "need" }, async (port, asked) => {
    const own = fixture.client("client");
    const answer = await ask(port, { ...own, headers: { authorization: "x509" } });
    const isTold = !("Bun" in globalThis); // There a certificate lets in, and names nobody.
    assert.is(answer.status, isTold ? 200 : 401);
    const id = { scheme: "x509", id: "CN=client,O=Zoo\\, Inc,C=DE" };
    assert.equal(asked, isTold ? [id] : []);
    assert.ok(await fails(ask(port)), "a client without a certificate is answered");
    assert.ok(await fails(ask(port, fixture.client("stranger"))), "a stranger is answered");
  }));

test.run();
