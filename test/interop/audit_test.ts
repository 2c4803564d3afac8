import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { connect, PERMS, type ZooKeeperClient } from "../../client/mod.ts";
import { type ServerKind, startServer } from "./server.ts";

const LOG4J = ["slf4j-log4j12", "log4j-1.2"].map((name) => `/usr/share/java/${name}.jar`);

/** What Apache's own configuration has for the audit log, in comments. */
const LOG4J_PROPERTIES = `log4j.rootLogger=OFF
log4j.logger.org.apache.zookeeper.audit.Slf4jAuditLogger=INFO, RFAAUDIT
log4j.appender.RFAAUDIT=org.apache.log4j.RollingFileAppender
log4j.appender.RFAAUDIT.layout=org.apache.log4j.PatternLayout
log4j.appender.RFAAUDIT.layout.ConversionPattern=%d{ISO8601} %p %c{2}: %m%n
log4j.appender.RFAAUDIT.File=`;

async function refused(request: Promise<unknown>): Promise<void> {
  try {
    await request;
  } catch {
    return; // What it is refused with is the business of other tests.
  }
  assert.unreachable("this should be refused");
}

/** Requests of every kind that the audit log tells of, and some that it does not. */
async function work(client: ZooKeeperClient): Promise<void> {
  await client.create("/a", "data");
  await client.create("/a/e", "", { mode: "ephemeral" });
  await client.create("/a/s-", "", { mode: "persistent-sequential" });
  await client.create("/a/es-", "", { mode: "ephemeral-sequential" });
  await client.create("/c", "", { mode: "container" });
  await client.getData("/a");
  await refused(client.create("/a", ""));
  await refused(client.create("/no/parent", ""));
  await refused(client.setData("/nope", "x"));
  await refused(client.setData("/a", "x", { version: 7 }));
  await refused(client.delete("/a"));
  await refused(client.delete("/zookeeper"));
  await refused(client.getData("/nope"));
  await client.setData("/a", "new");
  await client.addAuth("digest", "ann:pw");
  await client.create("/d", "");
  const acls = [
    { perms: PERMS.all, scheme: "world", id: "anyone" },
    { perms: PERMS.read | PERMS.write, scheme: "ip", id: "127.0.0.1" },
  ];
  await client.setAcl("/d", acls);
  await refused(client.setAcl("/nope", acls));
  await client.multi([
    { type: "create", path: "/m", data: "" },
    { type: "create", path: "/m/e", data: "", mode: "ephemeral" },
    { type: "create", path: "/m/q-", data: "", mode: "persistent-sequential" },
    { type: "setData", path: "/m", data: "1" },
    { type: "check", path: "/m", version: 1 },
    { type: "delete", path: "/m/e" },
  ]);
  await refused(
    client.multi([
      { type: "create", path: "/m2", data: "" },
      { type: "delete", path: "/m9" },
    ]),
  );
  await client.multi([]);
  await client.delete("/d");
}

/** The events of one server's whole life. */
async function eventsOf(kind: ServerKind): Promise<string[]> {
  const home = await mkdtemp(join(tmpdir(), `audit-${kind}-`));
  const file = join(home, "audit.log");
  try {
    await mkdir(join(home, "conf"));
    await writeFile(join(home, "conf/log4j.properties"), `${LOG4J_PROPERTIES}${file}\n`);
    const server = await startServer({
      kind,
      dataDir: join(home, "data"),
      options: { "audit.enable": "true", "auditlog.file": file },
      classPath: [join(home, "conf"), ...LOG4J],
    });
    try {
      const client = await connect({ servers: server.hosts, timeoutMs: 30_000 });
      await work(client);
      await client.close();
    } finally {
      await server.stop();
    }
    return (await readFile(file, "utf8")).trimEnd().split("\n");
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

/** An event without what differs from run to run; identities in the order of their letters. */
function shapeOf(line: string): string {
  return line
    .replace(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} /, "<time> ")
    .replace(/session=0x[0-9a-f]+/, "session=<id>")
    .replace(/user=([^\t]*)/, (_all, users: string) => `user=${users.split(",").sort().join(",")}`);
}

test("every event is written as Apache 3.8 writes it for the same requests", async () => {
  const apache = (await eventsOf("apache")).map(shapeOf);
  const zookit = (await eventsOf("zookit")).map(shapeOf);
  const isGone = (line: string): boolean => line.includes("ephemeralZNodeDeletion");
  const others = (lines: readonly string[]): string[] => lines.filter((line) => !isGone(line));
  assert.equal(others(zookit), others(apache));
  assert.ok(apache.length > 25, String(apache.length));
  // A session's znodes go in no order that would mean anything.
  assert.equal(zookit.filter(isGone).sort(), apache.filter(isGone).sort());
  assert.match(zookit.at(-1) ?? "", /INFO audit\.Slf4jAuditLogger: user=\w+\t/);
});

test.run();
