import { test } from "uvu";
import * as assert from "uvu/assert";
import { connect, ZooKeeperClient } from "../../client/mod.ts";
import { digestProof, formatDirectives, parseDirectives } from "../../core/wire/digest_md5.ts";
import { OPCODES } from "../../core/wire/opcodes.ts";
import { createServer, essentials, memoryStorage, saslDigestMd5, tcpTransport } from "../../mod.ts";
import { closeBoth, kindOf, ScriptedServer, type ServerLine } from "./scripted_server.ts";

const ANN = { username: "ann", password: 's"e\\cret' };
const CHALLENGE = 'realm="zk-sasl-md5",nonce="n0nce",charset=utf-8,algorithm=md5-sess';
const MINE = [{ perms: 31, scheme: "sasl", id: "ann" }];
const SILENT = { debug() {}, info() {}, warn() {}, error() {}, child: () => SILENT };

async function begin(): Promise<{ zk: ZooKeeperClient; line: ServerLine; ready: Promise<void> }> {
  const server = new ScriptedServer();
  const zk = new ZooKeeperClient({
    servers: [server],
    clock: server.clock,
    logger: SILENT,
    sasl: ANN,
    auth: [{ scheme: "digest", data: "a:b" }],
  });
  const ready = zk.connect();
  return { zk, line: await server.accept(), ready };
}

/** Answers the next request with a token. @returns what the client had said. */
async function answer(line: ServerLine, token: Uint8Array | string | null, code = 0) {
  const { xid, type, body } = await line.next();
  assert.is(type, OPCODES.sasl);
  const said = body.buffer() ?? new Uint8Array(0);
  const bytes = typeof token === "string" ? new TextEncoder().encode(token) : token;
  line.reply(xid, 0, code, (writer) => writer.buffer(bytes));
  return said;
}

test("a client with sasl proves its password before anything else, then goes on", async () => {
  const { zk, line, ready } = await begin();
  const waiting = zk.exists("/a");
  assert.is((await answer(line, CHALLENGE)).length, 0);
  const { xid, body } = await line.next();
  assert.is(line.pendingCount, 0);
  assert.is(zk.state.status, "connecting");
  const said = parseDirectives(body.buffer() ?? new Uint8Array(0));
  const cnonce = said?.get("cnonce") ?? "";
  const uri = "zookeeper/zk-sasl-md5";
  const login = { ...ANN, realm: "zk-sasl-md5", nonce: "n0nce", cnonce, uri };
  assert.is(said?.get("response"), digestProof(login, "client"));
  assert.is(said?.get("digest-uri"), uri);
  const proof = formatDirectives([["rspauth", digestProof(login, "server")]]);
  line.reply(xid, 0, 0, (writer) => writer.buffer(proof));
  await ready;
  assert.is((await line.next()).type, OPCODES.auth);
  const request = await line.next();
  assert.is(request.type, OPCODES.exists);
  line.reply(-4, 0);
  line.reply(request.xid, 3, -101);
  assert.is(await waiting, null);
  await closeBoth(zk, line);
});

test("a server that does not know the password itself is not trusted", async () => {
  const { zk, line, ready } = await begin();
  const waiting = kindOf(zk.exists("/a"));
  await answer(line, CHALLENGE);
  await answer(line, `rspauth=${"0".repeat(32)}`);
  assert.is(await kindOf(ready), "AuthFailed");
  assert.is(await waiting, "AuthFailed");
  assert.is(zk.state.status, "auth-failed");
  assert.ok(line.isClosed);
  assert.is(line.pendingCount, 0);
});

for (const [what, token, code] of [
  ["refuses", null, -115],
  ["demands another login", null, -124],
  ["speaks no SASL", null, 0],
  ["makes no sense", "no challenge", 0],
] as const) {
  test(`a server that ${what} ends the client: auth-failed`, async () => {
    const { zk, line, ready } = await begin();
    await answer(line, token, code);
    assert.is(await kindOf(ready), "AuthFailed");
    assert.is(zk.state.status, "auth-failed");
    assert.ok(line.isClosed);
  });
}

test("a server whose users are known lets the right password in, and no other", async () => {
  const tcp = tcpTransport({ port: 0, host: "127.0.0.1" });
  const users = { ann: ANN.password };
  const plugins = [...essentials(), memoryStorage(), tcp, saslDigestMd5({ users })];
  const server = createServer({ plugins, enforceAuthSchemes: ["sasl"] });
  await server.start();
  const open = (password: string) =>
    connect({ servers: server.addresses, sasl: { ...ANN, password }, logger: SILENT });
  const zk = await open(ANN.password);
  await zk.create("/mine", "hello", { acl: MINE });
  assert.equal((await zk.getAcl("/mine")).acl, MINE);
  assert.is(await kindOf(open("secret")), "AuthFailed");
  await zk.close();
  await server.stop();
});

test.run();
