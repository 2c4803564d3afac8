/**
 * Real clients by TLS: who shows a certificate that is trusted comes in and is known by it, and
 * nobody else gets an answer.
 */
import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { connect as dial } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as dialTls } from "node:tls";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  type ClientTlsOptions,
  connect,
  type ZkError,
  type ZooKeeperClient,
} from "../../client/mod.ts";
import { freePort } from "../../tools/free_ports.ts";
import { Certificates } from "../transports/certificates.ts";
import { CliSession } from "./cli_session.ts";
import { keyStores, STORE_PASSWORD, trustStores } from "./java_stores.ts";
import { APACHE_CLASS_PATH, fourLetters, startServer, type TestServer } from "./server.ts";

const PYTHON = "/usr/bin/python3";
const SCRIPT = fileURLToPath(new URL("kazoo_tls.py", import.meta.url));
const OWNER = "CN=client,O=Zoo\\, Inc,C=DE";
/** Long enough for a connection, short enough to wait for one that is refused. */
const REFUSAL_MS = 1_500;

const certificates = new Certificates();
let folder: string;
let server: TestServer;
let port: number;
const opened: CliSession[] = [];

test.before(async () => {
  for (const name of ["ca", "other"]) certificates.authority(name);
  for (const name of ["server", "client", "boss"]) certificates.leaf(name, "ca");
  certificates.leaf("stranger", "other");
  for (const name of ["server", "client", "stranger"]) keyStores(certificates, name);
  trustStores(certificates, "ca");
  folder = await mkdtemp(join(tmpdir(), "interop-tls-"));
  port = await freePort();
  server = await startServer({ kind: "zookit", dataDir: folder, options: tlsOptions() });
  await using zk = await ours("client");
  const acl = [{ perms: 31, scheme: "x509", id: OWNER }];
  await zk.create("/mine", "data", { acl });
});

test.after(async () => {
  await Promise.all(opened.map((session) => session.kill()));
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
  certificates.remove();
});

function tlsOptions(): Record<string, string> {
  return {
    secureClientPort: String(port),
    secureClientPortAddress: "127.0.0.1",
    "ssl.keyStore.location": certificates.path("server.jks"),
    "ssl.keyStore.password": STORE_PASSWORD,
    "ssl.trustStore.location": certificates.path("ca.trust.p12"),
    "ssl.trustStore.password": STORE_PASSWORD,
    // Twice, since a backslash has a meaning of its own in the file.
    "X509AuthenticationProvider.superUser": "CN=boss,O=Zoo\\\\, Inc,C=DE",
  };
}

function pem(name: string | undefined): ClientTlsOptions {
  const ca = certificates.text("ca.pem");
  if (name === undefined) return { ca };
  return { ca, cert: certificates.text(`${name}.pem`), key: certificates.text(`${name}.key`) };
}

/** Whether a client with this certificate is to get in. */
function isKnown(name: string | undefined): boolean {
  return name === "client" || name === "boss";
}

function ours(name?: string): Promise<ZooKeeperClient> {
  const signal = AbortSignal.timeout(isKnown(name) ? 30_000 : REFUSAL_MS);
  return connect({ servers: `tls://127.0.0.1:${port}`, tls: pem(name) }, { signal });
}

function kazoo(name: string | undefined): string {
  const file = (end: string): string =>
    name === undefined ? "-" : certificates.path(`${name}.${end}`);
  const args = [`127.0.0.1:${port}`, certificates.path("ca.pem"), file("pem"), file("key")];
  const seconds = isKnown(name) ? "30" : "4";
  const { stdout, stderr, status } = spawnSync(PYTHON, ["-B", SCRIPT, ...args, "/mine", seconds], {
    encoding: "utf8",
    timeout: 60_000,
  });
  if (status !== 0) throw new Error(`kazoo is missing or failed:\n${stderr}`);
  return stdout.trim();
}

/** Apache's shell with stores of that kind. */
async function zkCli(name: string, end: "jks" | "p12", ready: RegExp): Promise<CliSession> {
  const properties = {
    "client.secure": "true",
    clientCnxnSocket: "org.apache.zookeeper.ClientCnxnSocketNetty",
    "ssl.keyStore.location": certificates.path(`${name}.${end}`),
    "ssl.keyStore.password": STORE_PASSWORD,
    "ssl.trustStore.location": certificates.path(`ca.trust.${end}`),
    "ssl.trustStore.password": STORE_PASSWORD,
  };
  const flags = Object.entries(properties).map(([key, value]) => `-Dzookeeper.${key}=${value}`);
  const session = await CliSession.open({
    command: "/usr/bin/env",
    args: [
      `CLIENT_JVMFLAGS=-cp ${APACHE_CLASS_PATH} ${flags.join(" ")}`,
      "/usr/share/zookeeper/bin/zkCli.sh",
      "-server",
      `127.0.0.1:${port}`,
    ],
    debianPackage: "zookeeper",
    ready,
  });
  opened.push(session);
  return session;
}

/** What a connection by TLS gets for a word; nothing when it is closed first. */
async function wordByTls(word: string, name?: string): Promise<string> {
  const socket = dialTls({ port, host: "127.0.0.1", ...pem(name) } as object);
  let answer = "";
  socket.on("data", (chunk) => {
    answer += chunk;
  });
  socket.on("error", () => {});
  socket.write(word);
  await new Promise((resolve) => socket.once("close", resolve));
  return answer;
}

test("kazoo comes in with its certificate; with none or a stranger's it does not", () => {
  assert.is(kazoo("client"), "data");
  assert.is(kazoo("boss"), "data");
  assert.is(kazoo("stranger"), "KazooTimeoutError");
  assert.is(kazoo(undefined), "KazooTimeoutError");
});

for (const end of ["jks", "p12"] as const) {
  test(`Apache's client comes in with a ${end} store and is known by its certificate`, async () => {
    const cli = await zkCli("client", end, /WatchedEvent state:SyncConnected/);
    assert.match(await cli.run("whoami"), /^x509: CN=client,O=Zoo\\, Inc,C=DE$/m);
    assert.match(await cli.run("get /mine"), /^data$/m);
    assert.match(await cli.run(`create /by-${end} d auth::cdrwa`), /^Created/m);
    const acl = await cli.run(`getAcl /by-${end}`);
    assert.is(decodeURIComponent(/^'x509,'(.*)$/m.exec(acl)?.[1] ?? ""), OWNER);
    await cli.quit();
  });
}

test("Apache's client with the certificate of a stranger gets no connection", async () => {
  const cli = await zkCli("stranger", "jks", /^Welcome to ZooKeeper/m);
  cli.send("get /mine");
  await cli.until(/ConnectionLoss for \/mine/);
  assert.not.match(cli.output, /SyncConnected/);
});

test("our client comes in with its certificate; with none or a stranger's not", async () => {
  await using zk = await ours("client");
  const [own] = (await zk.whoAmI()).filter(({ scheme }) => scheme === "x509");
  assert.is(own?.id, OWNER);
  const { data } = await zk.getData("/mine");
  assert.is(new TextDecoder().decode(data ?? undefined), "data");
  for (const name of ["stranger", undefined]) {
    let isIn = true;
    await ours(name).catch(() => (isIn = false));
    assert.is(isIn, false, name);
  }
});

test("the super user of x509 may do what an ACL refuses others", async () => {
  const plain = await connect({ servers: server.hosts });
  const refused = await plain.getData("/mine").catch((error: ZkError) => error);
  assert.is((refused as ZkError).kind, "NoAuth");
  await plain.close();
  await using boss = await ours("boss");
  assert.ok((await boss.getData("/mine")).data !== null);
  await boss.create("/mine/by-boss");
});

test("four-letter words are answered by TLS with a certificate, and else not at all", async () => {
  assert.is(await wordByTls("ruok", "client"), "imok");
  assert.is(await wordByTls("ruok", "stranger"), "");
  assert.is(await wordByTls("ruok"), "");
  assert.is(await fourLetters(port, "ruok"), "");
});

test("plain requests on the port for TLS are not answered", async () => {
  const socket = dial(port, "127.0.0.1");
  let received = 0;
  socket.on("data", (chunk) => {
    // A TLS alert may say no.
    if (chunk[0] !== 0x15) received += chunk.length;
  });
  socket.on("error", () => {});
  socket.write(new Uint8Array(49).fill(0).with(3, 45));
  await new Promise((resolve) => socket.once("close", resolve));
  assert.is(received, 0);
});

test.run();
