import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { composePlugins } from "../../../cli/compose.ts";
import { loadConfig } from "../../../cli/config/load.ts";
import { ConfigError } from "../../../cli/config/server_config.ts";
import { Certificates } from "../../transports/certificates.ts";

const certificates = new Certificates();
certificates.authority("ca");
certificates.leaf("server", "ca");
certificates.leaf("other", "ca");
test.after(() => certificates.remove());

const SERVER = `ssl.keyStore.location=${certificates.path("server.both.pem")}`;
const TRUST = `ssl.trustStore.location=${certificates.path("ca.pem")}`;

/** Names of the plugins that these settings make. */
async function plugins(...settings: readonly string[]): Promise<string[]> {
  const definitions = settings.map((setting) => `zookeeper.${setting}`);
  const { config } = loadConfig({ definitions });
  return (await composePlugins(config, "silent")).map(({ name }) => name);
}

async function refusal(...settings: readonly string[]): Promise<string> {
  try {
    await plugins(...settings);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return "";
}

async function transports(...settings: readonly string[]): Promise<string[]> {
  return (await plugins(...settings)).filter((name) => /^transport|x509/.test(name));
}

test("secureClientPort alone opens no plain port; with clientPort there are both", async () => {
  const [tls, x509] = ["transport-tls-127.0.0.1-2281", "x509-auth"];
  assert.equal(await transports("secureClientPort=2281", SERVER, TRUST), [tls, x509]);
  const both = await transports("secureClientPort=2281", "clientPort=2181", SERVER, TRUST);
  assert.equal(both, ["transport-tcp-127.0.0.1-2181", tls, x509]);
});

test("client.portUnification puts TLS on the client port; no x509 without TLS", async () => {
  const unified = await transports("client.portUnification=true", SERVER, TRUST);
  assert.equal(unified, ["transport-tls-127.0.0.1-2181", "x509-auth"]);
  assert.equal(await transports(), ["transport-tcp-127.0.0.1-2181"]);
});

test("a store that cannot be used is named by its key and its file", async () => {
  const [port, file] = ["secureClientPort=0", certificates.path("nowhere.pem")];
  assert.match(await refusal(port), "ssl.keyStore.location is not set");
  assert.match(await refusal(port, SERVER), "ssl.trustStore.location: none says");
  const missing = await refusal(port, `ssl.keyStore.location=${file}`, TRUST);
  assert.is(missing, `ssl.keyStore.location: cannot read ${file}: ENOENT`);
  const keyless = await refusal(port, SERVER.replace(".both", ""), TRUST);
  assert.match(keyless, /^ssl\.keyStore\.location: .*server\.pem: it holds no private key$/);
  writeFileSync(
    certificates.path("wrong.pem"),
    certificates.text("other.key") + certificates.text("server.pem"),
  );
  const wrong = await refusal(port, SERVER.replace("server.both", "wrong"), TRUST);
  assert.match(wrong, /wrong\.pem: its key is not that of its certificate$/);
  const jks = await refusal(port, SERVER, `${TRUST}.jks`, "ssl.trustStore.type=JKS");
  assert.match(jks, /^ssl\.trustStore\./);
});

test("an encrypted key opens with its password, or one in a file, and not without", async () => {
  const [key, both, words] = ["server.enc", "enc.pem", "words"].map((n) => certificates.path(n));
  const out = ["-passout", "pass:open sesame", "-out", key ?? ""];
  certificates.openssl(["pkcs8", "-topk8", "-in", certificates.path("server.key"), ...out]);
  writeFileSync(both ?? "", certificates.text("server.enc") + certificates.text("server.pem"));
  writeFileSync(words ?? "", "open sesame\n");
  const settings = ["secureClientPort=0", TRUST, `ssl.keyStore.location=${both}`];
  assert.is(await refusal(...settings, "ssl.keyStore.password=open sesame"), "");
  assert.is(await refusal(...settings, `ssl.keyStore.passwordPath=${words}`), "");
  assert.match(await refusal(...settings, "ssl.keyStore.password=open"), /does not open/);
  assert.match(await refusal(...settings), /does not open/);
});

test("what would narrow TLS down is refused, not ignored", async () => {
  const settings = ["secureClientPort=0", SERVER, TRUST];
  assert.match(await refusal(...settings, "ssl.crl=true"), /cannot be narrowed down/);
  assert.match(await refusal(...settings, "ssl.ocsp=true"), /cannot be narrowed down/);
  assert.match(await refusal(...settings, "ssl.ciphersuites=TLS_X"), /^ssl\.ciphersuites: /);
  assert.is(await refusal(...settings, "ssl.crl=false"), "");
  assert.match(
    await refusal(...settings, "ssl.enabledProtocols=TLSv1.1"),
    /must be TLSv1\.2, TLSv1\.3/,
  );
  assert.match(
    await refusal(...settings, "ssl.protocol=SSLv3"),
    /must be TLS or TLSv1\.2 or TLSv1\.3/,
  );
});

test("words of TLS may be in capitals or not, as Apache takes them", async () => {
  const settings = ["secureClientPort=0", SERVER, TRUST, "ssl.keyStore.type=pem"];
  assert.is(await refusal(...settings, "ssl.clientAuth=NEED", "ssl.protocol=TLSv1.2"), "");
  assert.match(await refusal(...settings, "ssl.clientAuth=maybe"), /must be need or want or none/);
});

test("sslQuorum and portUnification bring TLS between servers, with its own stores", async () => {
  const folder = mkdtempSync(join(tmpdir(), "zookit-peers-"));
  writeFileSync(join(folder, "myid"), "1");
  const lines = ["server.1=a:1:2", "server.2=b:1:2", "server.3=c:1:2", `dataDir=${folder}`];
  const peers = async (...settings: readonly string[]): Promise<string[]> => {
    return (await plugins(...lines, ...settings)).filter((name) => name.startsWith("peers"));
  };
  const stores = [SERVER, TRUST].map((line) => line.replace("ssl.", "ssl.quorum."));
  assert.equal(await peers(), ["peers-tcp"]);
  assert.equal(await peers("sslQuorum=true", ...stores), ["peers-tls"]);
  assert.equal(await peers("portUnification=true", ...stores), ["peers-tls"]);
  assert.match(
    await refusal(...lines, "sslQuorum=true"),
    "ssl.quorum.keyStore.location is not set",
  );
  const [keyStore = ""] = stores;
  const trusting = await refusal(
    ...lines,
    "sslQuorum=true",
    keyStore,
    "ssl.quorum.clientAuth=none",
  );
  assert.match(trusting, "ssl.quorum.trustStore.location is not set");
  assert.match(
    await refusal("quorum.auth.enableSasl=true"),
    "servers know one another by certificates",
  );
  rmSync(folder, { recursive: true });
});

test.run();
