import { test } from "uvu";
import * as assert from "uvu/assert";
import { AUDITOR } from "../../../core/contracts/audit.ts";
import type { ErrorName } from "../../../core/errors/zk_error.ts";
import { JuteWriter } from "../../../core/wire/jute.ts";
import { OPCODES } from "../../../core/wire/opcodes.ts";
import { OPEN_ACL, writeAcls } from "../../../core/wire/records.ts";
import { SessionId } from "../../../core/wire/session_id.ts";
import { createServer, essentials, memoryStorage, type Plugin } from "../../../mod.ts";
import { AuditLog } from "../../../plugins/audit/mod.ts";
import { DigestAuth } from "../../../plugins/auth/mod.ts";
import { PEER } from "../admin/sample.ts";

const SESSION = new SessionId(1, 2);

/** A log of one session's writes, and its lines without what is the same in all. */
class Scene {
  readonly lines: string[] = [];
  readonly log = new AuditLog(
    (line) => this.lines.push(line.replace("session=0x100000002\t", "")),
    [new DigestAuth()],
    "root",
  );

  submit(opcode: number, cxid: number, body: Uint8Array, user = "ann:hash"): void {
    const ids = [
      { scheme: "digest", id: user },
      { scheme: "super", id: "" },
    ];
    const frame = { bytes: body, bodyStart: 0, bodyEnd: body.length };
    this.log.submitted({ session: SESSION, cxid, opcode, ids, ...frame }, PEER);
  }

  apply(type: number, cxid: number, end: { error?: ErrorName; made?: string; txn?: Uint8Array }) {
    const reply = new JuteWriter();
    if (end.made !== undefined) reply.string(end.made);
    this.log.applied({
      sessionHigh: SESSION.high,
      sessionLow: SESSION.low,
      cxid,
      type,
      error: end.error,
      reply: reply.view(),
      txn: end.txn ?? new Uint8Array(0),
    });
  }
}

function createBody(path: string, flags: number, ttlMs?: number): Uint8Array {
  const writer = new JuteWriter();
  writer.string(path);
  writer.buffer(null);
  writeAcls(writer, OPEN_ACL);
  writer.int(flags);
  if (ttlMs !== undefined) writer.long(ttlMs);
  return writer.copy();
}

function deleteBody(path: string): Uint8Array {
  const writer = new JuteWriter();
  writer.string(path);
  writer.int(-1);
  return writer.copy();
}

const BY = "user=ann\tip=127.0.0.1\t";

test("a create is told with the path that it got, a refused one with the path it wanted", () => {
  const scene = new Scene();
  scene.submit(OPCODES.create, 1, createBody("/s-", 2));
  scene.submit(OPCODES.createTtl, 2, createBody("/t", 5, 1000));
  scene.apply(OPCODES.create, 1, { made: "/s-0000000001" });
  scene.apply(OPCODES.error, 2, { error: "NoAuth" });
  assert.equal(scene.lines, [
    `${BY}operation=create\tznode=/s-0000000001\tznode_type=persistent_sequential\tresult=success`,
    `${BY}operation=create\tznode=/t\tznode_type=persistent_with_ttl\tresult=failure`,
  ]);
});

test("each transaction is matched by session and xid, whatever came to nothing before", () => {
  const scene = new Scene();
  scene.submit(OPCODES.delete, 1, deleteBody("/lost"));
  scene.submit(OPCODES.delete, 2, deleteBody("/a"));
  scene.apply(OPCODES.delete, 9, {});
  scene.apply(OPCODES.delete, 2, {});
  scene.apply(OPCODES.delete, 1, {});
  assert.equal(scene.lines, [`${BY}operation=delete\tznode=/a\tresult=success`]);
});

test("a request that does not parse is in no log, and delays no other", () => {
  const scene = new Scene();
  scene.submit(OPCODES.multi, 1, new Uint8Array([0, 0, 0]));
  scene.submit(OPCODES.create, 2, createBody("/a", 99));
  scene.submit(OPCODES.delete, 3, deleteBody("/a"));
  for (const cxid of [1, 2]) scene.apply(OPCODES.error, cxid, { error: "MarshallingError" });
  scene.apply(OPCODES.error, 3, { error: "NoNode" });
  assert.equal(scene.lines, [`${BY}operation=delete\tznode=/a\tresult=failure`]);
});

test("a client's names cannot begin lines or fields of their own", () => {
  const scene = new Scene();
  scene.submit(OPCODES.delete, 1, deleteBody("/a\tresult=success\nuser=root"), "a\nb:x");
  scene.apply(OPCODES.error, 1, { error: "BadArguments" });
  const path = "/a\\u0009result=success\\u000auser=root";
  assert.equal(scene.lines, [
    `user=a\\u000ab\tip=127.0.0.1\toperation=delete\tznode=${path}\tresult=failure`,
  ]);
});

test("ephemeral znodes that go with their session are the server's deletions", () => {
  const scene = new Scene();
  const txn = new JuteWriter();
  txn.strings(["/e1", "/e2"]);
  scene.submit(OPCODES.delete, 1, deleteBody("/never"));
  scene.apply(OPCODES.closeSession, 0, { txn: txn.copy() });
  scene.apply(OPCODES.delete, 1, {});
  const operation = "operation=ephemeralZNodeDeletionOnSessionCloseOrExpire";
  assert.equal(scene.lines, [
    `user=root\t${operation}\tznode=/e1\tresult=success`,
    `user=root\t${operation}\tznode=/e2\tresult=success`,
  ]);
});

test("a server tells its auditor of its start, of writes and of its stop", async () => {
  const lines: string[] = [];
  const auditing: Plugin = {
    name: "test-audit",
    provides: [AUDITOR],
    requires: [],
    register: (container) => {
      container.provide(AUDITOR, () => new AuditLog((line) => lines.push(line), [], "root"));
    },
  };
  const server = createServer({
    plugins: [...essentials({ logLevel: "silent" }), memoryStorage(), auditing],
  });
  await server.start();
  const client = await server.connect();
  await Promise.all([
    client.create("/a", "", { mode: "ephemeral" }),
    client.setData("/b", "").catch(() => {}),
  ]);
  await client.close();
  await server.stop();
  const shapes = lines.map((line) => line.replace(/session=\w+\t(?:ip=[^\t]*\t)?/, ""));
  assert.equal(shapes, [
    "user=root\toperation=serverStart\tresult=success",
    "operation=create\tznode=/a\tznode_type=ephemeral\tresult=success",
    "operation=setData\tznode=/b\tresult=failure",
    "user=root\toperation=ephemeralZNodeDeletionOnSessionCloseOrExpire\tznode=/a\tresult=success",
    "user=root\toperation=serverStop\tresult=invoked",
  ]);
});

test.run();
