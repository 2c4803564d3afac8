import { test } from "uvu";
import * as assert from "uvu/assert";
import { digestProof, formatDirectives, parseDirectives } from "../../../core/wire/digest_md5.ts";
import { JuteReader } from "../../../core/wire/jute.ts";
import { OPCODES } from "../../../core/wire/opcodes.ts";
import { type Server, type ServerOptions, saslDigestMd5 } from "../../../mod.ts";
import { settle } from "../manual_clock.ts";
import { startServer } from "./fixture.ts";
import * as frames from "./frames.ts";
import { Line } from "./line.ts";

const EMPTY = new Uint8Array(0);
const USERS = { ann: "secret", root: "all" };
const MINE = [{ perms: 31, scheme: "sasl", id: "ann" }];

const sasl = (xid: number, token: Uint8Array | null): Uint8Array =>
  frames.frame(xid, OPCODES.sasl, (writer) => writer.buffer(token));

async function open(options: Partial<ServerOptions> = {}): Promise<{ server: Server; line: Line }> {
  const plugins = [saslDigestMd5({ users: USERS, superUsers: ["root"] })];
  const { server } = await startServer({ ...options, plugins });
  const { line } = await Line.open(server);
  return { server, line };
}

/** Sends a token. @returns the error and the server's token. */
async function say(line: Line, token: Uint8Array | null): Promise<[number, string | null]> {
  line.send(sasl(7, token));
  await settle();
  const [reply] = line.take();
  if (reply === undefined) throw new Error("no answer to a SASL token");
  assert.equal([reply.xid, reply.zxid], [7, 0]);
  const answer = new JuteReader(reply.body).buffer();
  return [reply.error, answer === null ? null : new TextDecoder().decode(answer)];
}

function proof(challenge: string | null, username: string, password: string): Uint8Array {
  const nonce = parseDirectives(new TextEncoder().encode(challenge ?? ""))?.get("nonce") ?? "";
  const realm = "zk-sasl-md5";
  const uri = `zookeeper/${realm}`;
  const login = { username, password, realm, nonce, cnonce: "c", uri };
  return formatDirectives([
    ["username", username],
    ["realm", realm],
    ["nonce", nonce],
    ["cnonce", "c"],
    ["nc", "00000001"],
    ["digest-uri", uri],
    ["response", digestProof(login, "client")],
  ]);
}

async function logIn(line: Line, user: string, password: string): Promise<[number, string | null]> {
  const [error, challenge] = await say(line, EMPTY);
  assert.is(error, 0);
  return say(line, proof(challenge, user, password));
}

test("a SASL login gives the connection its id, and ACLs may name it", async () => {
  const { server, line } = await open();
  const [error, token] = await logIn(line, "ann", "secret");
  assert.is(error, 0);
  assert.match(token ?? "", /^rspauth=/);
  const answers = await line.ask(
    frames.create(1, "/mine", { acl: MINE }),
    frames.create(2, "/auth", { acl: [{ perms: 31, scheme: "auth", id: "" }] }),
    frames.getData(3, "/mine"),
  );
  assert.equal(answers, ["1:0", "2:0", "3:0"]);
  const { line: stranger } = await Line.open(server);
  assert.equal(await stranger.ask(frames.getData(1, "/mine"), frames.getData(2, "/auth")), [
    "1:-102",
    "2:-102",
  ]);
  const { line: root } = await Line.open(server);
  await logIn(root, "root", "all");
  assert.equal(await root.ask(frames.getData(1, "/mine")), ["1:0"]);
  await server.stop();
});

test("a wrong password is answered -115 with a null token, then the end", async () => {
  const { server, line } = await open();
  assert.equal(await logIn(line, "ann", "wrong"), [-115, null]);
  assert.ok(line.hasEnded);
  await server.stop();
});

test("a null token is an empty one, as kazoo writes it; after the last, any is wrong", async () => {
  const { server, line } = await open();
  const [, challenge] = await say(line, null);
  assert.match(challenge ?? "", /^realm=/);
  assert.is((await say(line, proof(challenge, "ann", "secret")))[0], 0);
  assert.equal(await say(line, EMPTY), [-115, null]);
  assert.ok(line.hasEnded);
  await server.stop();
});

test("a SASL packet that does not parse is a failed login", async () => {
  const { server, line } = await open();
  assert.equal(await line.ask(frames.frame(3, OPCODES.sasl, (w) => w.int(999))), ["3:-115"]);
  assert.ok(line.hasEnded);
  await server.stop();
});

test("allowSaslFailedClients keeps who failed, as a stranger and for good", async () => {
  const { server, line } = await open({ allowSaslFailedClients: true });
  assert.equal(await logIn(line, "ann", "wrong"), [0, null]);
  assert.equal(await say(line, EMPTY), [0, null]);
  assert.equal(await line.ask(frames.create(1, "/a", { acl: MINE }), frames.getData(2, "/a")), [
    "1:0",
    "2:-102",
  ]);
  await server.stop();
});

test("where sasl is enforced nothing else is answered, and a failed login -124", async () => {
  const enforced = { enforceAuthSchemes: ["sasl"], allowSaslFailedClients: true };
  const { server, line } = await open(enforced);
  assert.equal(await logIn(line, "ann", "wrong"), [-124, null]);
  assert.ok(line.hasEnded);
  const { line: silent } = await Line.open(server);
  assert.equal(await silent.ask(frames.auth("digest", "ann:secret"), frames.exists(1, "/")), [
    "-4:0",
    "1:-124",
  ]);
  const { line: ann } = await Line.open(server);
  await logIn(ann, "ann", "secret");
  assert.equal(await ann.ask(frames.exists(1, "/")), ["1:0"]);
  await server.stop();
});

test("without a provider the token is null, nothing changes, and no ACL may say sasl", async () => {
  const { server } = await startServer();
  const { line } = await Line.open(server);
  assert.equal(await say(line, EMPTY), [0, null]);
  assert.equal(await say(line, EMPTY), [0, null]);
  assert.equal(await line.ask(frames.create(1, "/a", { acl: MINE })), ["1:-114"]);
  await server.stop();
});

test.run();
