/** Who must log in and has not gets nothing done and nothing told, whatever is asked. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { connect } from "../../client/mod.ts";
import { ERROR_CODES } from "../../core/errors/zk_error.ts";
import { OPCODES } from "../../core/wire/opcodes.ts";
import { KINDS, validFrame } from "./corpus.ts";
import { mutate } from "./mutate.ts";
import { randomFrom } from "./random.ts";
import { RawClient, request, type Target } from "./raw_client.ts";
import { ServerProcess } from "./server_process.ts";
import { startTarget, tlsTarget } from "./tls_target.ts";

/** How often each kind of request is tried, whole and spoiled by turns. */
const ROUNDS = 6;
const SEED = Number(process.env.ZOOKIT_HOSTILE_SEED ?? 1);
const LOGINS = new Set<number>([OPCODES.auth, OPCODES.sasl]);

/** Tries every request on connections of their own. @returns what came back, counted. */
async function tryAll(target: Target, login: readonly Uint8Array[] = []): Promise<Set<string>> {
  const random = randomFrom(SEED);
  const seen = new Set<string>();
  for (const kind of KINDS.filter(({ type }) => !LOGINS.has(type))) {
    for (let round = 0; round < ROUNDS; round++) {
      const client = await RawClient.open(target);
      for (const frame of login) await client.ask(frame);
      const whole = validFrame(kind, 1, random);
      const { bytes, harm } = round % 2 === 0 ? { bytes: whole, harm: "" } : mutate(whole, random);
      client.send(bytes);
      // It would wait for the rest of what it announces, or be another request.
      const isOther = harm === "length" || harm === "header";
      if (isOther) client.socket.end();
      const reply = await client.reply(30_000);
      if (!isOther) seen.add(reply === undefined ? "nothing" : String(reply.error));
      if (!isOther)
        assert.ok(await client.closed(30_000), `${kind.name} leaves the connection open`);
      client.destroy();
    }
  }
  return seen;
}

function digestLogin(): Uint8Array {
  return request(-4, OPCODES.auth, (writer) => {
    writer.int(0);
    writer.string("digest");
    writer.buffer(new TextEncoder().encode("somebody:secret"));
  });
}

const CLOSED = new Set([String(ERROR_CODES.SessionClosedRequireSaslAuth)]);

test("with sessionRequireClientSASLAuth no request is answered before a login", async () => {
  const server = await ServerProcess.start({
    enforceAuthSchemes: ["sasl"],
    users: { ann: "secret" },
  });
  try {
    const { nodes } = await server.report();
    assert.equal(await tryAll({ port: server.port }), CLOSED);
    assert.equal(await tryAll({ port: server.port }, [digestLogin()]), CLOSED);
    assert.is((await server.report()).nodes, nodes);
    const servers = `127.0.0.1:${server.port}`;
    const wrong = { username: "ann", password: "wrong" };
    const refused = await connect({ servers, sasl: wrong }).catch(({ kind }) => kind);
    assert.is(refused, "AuthFailed");
    await using zk = await connect({ servers, sasl: { username: "ann", password: "secret" } });
    await zk.create("/in");
    assert.is(server.output, "");
  } finally {
    await server.stop();
  }
});

test("with x509 enforced no login of another kind helps, by TLS or without", async () => {
  const { server, target } = await startTarget(true, false, { enforceAuthSchemes: ["x509"] });
  try {
    const { nodes } = await server.report();
    for (const to of [{ port: server.port }, target]) {
      assert.equal(await tryAll(to), CLOSED);
      assert.equal(await tryAll(to, [digestLogin()]), CLOSED);
    }
    assert.is((await server.report()).nodes, nodes);
    const client = await RawClient.open(tlsTarget(server, true));
    const whoAmI = await client.ask(request(1, OPCODES.whoAmI));
    assert.is(whoAmI?.error, 0);
    client.destroy();
    assert.is(server.output, "");
  } finally {
    await server.stop();
  }
});

test.run();
