/** Real clients log in by SASL DIGEST-MD5, and with a wrong password get in nowhere. */
import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { connect, type ZkError } from "../../client/mod.ts";
import { CliSession } from "./cli_session.ts";
import { startServer, type TestServer } from "./server.ts";

const PYTHON = "/usr/bin/python3";
const SCRIPT = fileURLToPath(new URL("kazoo_sasl.py", import.meta.url));
const MODULE = "org.apache.zookeeper.server.auth.DigestLoginModule required";

let folder: string;
let server: TestServer;

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), "interop-sasl-"));
  const users = join(folder, "server.conf");
  await writeFile(users, `Server { ${MODULE} user_ann="secret" user_bob="other"; };`);
  const options = { "java.security.auth.login.config": users };
  server = await startServer({ kind: "zookit", dataDir: folder, options });
  const sasl = { username: "ann", password: "secret" };
  const zk = await connect({ servers: server.hosts, sasl });
  await zk.create("/mine", "data", { acl: [{ perms: 31, scheme: "sasl", id: "ann" }] });
  await zk.close();
});

test.after(async () => {
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

function kazoo(user: string, password: string): string {
  const { stdout, stderr, status } = spawnSync(
    PYTHON,
    ["-B", SCRIPT, server.hosts, user, password],
    { encoding: "utf8", timeout: 60_000 },
  );
  if (status !== 0) throw new Error(`kazoo or pure-sasl is missing or failed:\n${stderr}`);
  return stdout.trim();
}

async function zkCli(password: string, ready: RegExp): Promise<CliSession> {
  const file = join(folder, `client-${password}.conf`);
  await writeFile(file, `Client { ${MODULE} username="ann" password="${password}"; };`);
  return CliSession.open({
    command: "/usr/bin/env",
    args: [
      `CLIENT_JVMFLAGS=-Djava.security.auth.login.config=${file}`,
      "/usr/share/zookeeper/bin/zkCli.sh",
      "-server",
      server.hosts,
    ],
    debianPackage: "zookeeper",
    ready,
  });
}

test("kazoo logs in by SASL and sees what is its own", () => {
  assert.is(kazoo("ann", "secret"), "in");
  assert.is(kazoo("bob", "other"), "NoAuthError");
});

test("kazoo with a wrong password or user is refused", () => {
  assert.is(kazoo("ann", "other"), "AuthFailedError");
  assert.is(kazoo("eve", "secret"), "AuthFailedError");
});

test("our client logs in by SASL, and with a wrong password or user is refused", async () => {
  const asked = async (username: string, password: string): Promise<string> => {
    const servers = server.hosts;
    try {
      await using zk = await connect({ servers, sasl: { username, password } });
      return new TextDecoder().decode((await zk.getData("/mine")).data ?? undefined);
    } catch (error) {
      return (error as ZkError).kind;
    }
  };
  assert.is(await asked("ann", "secret"), "data");
  assert.is(await asked("bob", "other"), "NoAuth");
  assert.is(await asked("ann", "wrong"), "AuthFailed");
  assert.is(await asked("eve", "secret"), "AuthFailed");
});

test("Apache's client logs in by SASL and sees what is its own", async () => {
  const cli = await zkCli("secret", /state:SaslAuthenticated/);
  assert.match(await cli.run("get /mine"), /^data$/m);
  assert.match(await cli.run("whoami"), /^sasl: ann$/m);
  await cli.kill();
});

test("Apache's client with a wrong password ends in AuthFailed", async () => {
  const cli = await zkCli("wrong", /state:AuthFailed/);
  assert.not.match(cli.output, /SaslAuthenticated/);
  await cli.kill();
});

test.run();
