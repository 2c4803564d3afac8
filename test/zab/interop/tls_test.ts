import { test } from "uvu";
import * as assert from "uvu/assert";
import { keyStores, STORE_PASSWORD, trustStores } from "../../interop/java_stores.ts";
import { Certificates } from "../../transports/certificates.ts";
import { Ledger } from "../ensemble/ledger.ts";
import { Members } from "../ensemble/members.ts";
import { requireApache } from "./installed.ts";

requireApache();

const JAVA = 3;
const members = await Members.plan([{ kind: "zookit" }, { kind: "zookit" }, { kind: "apache" }]);
const certificates = new Certificates();
certificates.authority("ca");
certificates.authority("other");
for (const name of ["one", "two", "three"]) certificates.leaf(name, "ca");
certificates.leaf("stranger", "other");
keyStores(certificates, "two");
keyStores(certificates, "three");
trustStores(certificates, "ca");

test.after(async () => {
  await members.discard();
  certificates.remove();
});

/** Stores of each kind: PEM, PKCS12, and JKS for Apache's server. */
type Stores = readonly [keyStore: string, trustStore: string, password?: string];
const STORES: readonly Stores[] = [
  ["one.both.pem", "ca.pem"],
  ["two.p12", "ca.trust.p12", STORE_PASSWORD],
  ["three.jks", "ca.trust.jks", STORE_PASSWORD],
];

function settingsOf([keyStore, trustStore, password]: Stores): string[] {
  return [
    `ssl.quorum.keyStore.location=${certificates.path(keyStore)}`,
    `ssl.quorum.trustStore.location=${certificates.path(trustStore)}`,
    ...(password === undefined
      ? []
      : [`ssl.quorum.keyStore.password=${password}`, `ssl.quorum.trustStore.password=${password}`]),
  ];
}

function start(id: number, settings: readonly string[]): void {
  members.configure(id, [...settingsOf(STORES[id - 1] as Stores), ...settings]);
  members.start(id);
}

/** Starts one server after the other again with other settings; a quorum always serves. */
async function roll(...settings: readonly string[]): Promise<void> {
  for (const id of members.ids) {
    await members.signal(id, "SIGTERM");
    start(id, settings);
    await members.serving();
  }
}

test("Zookit's and Apache's servers go from plain to TLS while clients write", async () => {
  for (const id of members.ids) start(id, ["sslQuorum=false", "portUnification=true"]);
  await members.serving();
  const ledger = await Ledger.open(members.address(), "/rolling");
  let isOver = false;
  const writing = (async () => {
    while (!isOver) await ledger.write(1);
  })();
  await roll("sslQuorum=true", "portUnification=true");
  await roll("sslQuorum=true", "portUnification=false");
  isOver = true;
  await writing;
  for (const id of members.ids) await ledger.check(members.address(id));
  await ledger.write(200); // Digests are noted every 128 transactions.
  await members.equal();
  await ledger.close();
});

test("by TLS alone, either kind of server leads the other", async () => {
  const ledger = await Ledger.open(members.address(), "/leaders");
  const kinds = new Set<string>();
  while (kinds.size < 2) {
    const leader = await members.serving();
    kinds.add(leader === JAVA ? "apache" : "zookit");
    await ledger.write(20);
    for (const id of members.ids) await ledger.check(members.address(id));
    await members.signal(leader, "SIGKILL");
    await members.serving(members.ids.filter((id) => id !== leader));
    members.start(leader);
  }
  await members.serving();
  await ledger.close();
});

test("a server with a certificate of another authority, or with none, stays outside", async () => {
  const wrong = [...settingsOf(["stranger.both.pem", "ca.pem"]), "sslQuorum=true"];
  for (const [settings, reason] of [
    [[], /"reason":"ERR_SSL_.*a TLS handshake failed/],
    [wrong, /"reason":"UNABLE_TO_.*a TLS handshake failed/],
  ] as const) {
    await members.signal(1, "SIGTERM");
    members.configure(1, settings);
    members.start(1);
    await members.until(`${reason} in the log`, async () => {
      return reason.test(members.log(2)) ? true : undefined;
    });
    const ledger = await Ledger.open(members.address(2), `/without${settings.length}`);
    await ledger.write(100);
    assert.is(await members.mode(1), undefined);
    await ledger.close();
  }
});

test.run();
