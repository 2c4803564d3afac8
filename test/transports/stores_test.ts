import { X509Certificate } from "node:crypto";
import { writeFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Credentials, readCredentials, type StoreOptions } from "../../transports/tcp/mod.ts";
import { Certificates } from "./certificates.ts";
import * as samples from "./store_samples.ts";

const certificates = new Certificates();
test.after(() => certificates.remove());
certificates.authority("ca");
certificates.leaf("server", "ca");

const PASSWORD = "secret";

function file(name: string, bytes: Uint8Array): string {
  const path = certificates.path(name);
  writeFileSync(path, bytes);
  return path;
}

function read(keyStore: StoreOptions, trustStore?: StoreOptions): Credentials {
  const clientAuth = trustStore === undefined ? "none" : "need";
  return readCredentials({ keyStore, trustStore, clientAuth });
}

function subjects(certs: string | readonly string[]): string[] {
  const all = typeof certs === "string" ? certs.split(/(?<=-----END CERTIFICATE-----)\n/) : certs;
  return all
    .filter((pem) => pem.trim() !== "")
    .map((pem) => new X509Certificate(pem).subject.split("\n").at(-1) ?? "");
}

/** The message with which a key store is refused, without its folder. */
function refusal(keyStore: StoreOptions): string {
  try {
    read(keyStore);
  } catch (error) {
    return String(error).replaceAll(`${certificates.folder}/`, "");
  }
  throw new Error("it was not refused");
}

/** Makes a PKCS12 store of server and authority with the `openssl` command. */
function pkcs12(name: string, options: readonly string[]): string {
  const both = certificates.path("server.both.pem");
  const args = ["-in", both, "-certfile", certificates.path("ca.pem"), "-passout", "pass:secret"];
  certificates.openssl(["pkcs12", "-export", ...args, ...options, "-out", certificates.path(name)]);
  return certificates.path(name);
}

test("stores of keytool are read, whether JKS, PKCS12 or that of Java 8", () => {
  for (const [name, bytes] of [
    ["s.jks", samples.JKS],
    ["s.p12", samples.PKCS12],
    ["old.p12", samples.OLD_PKCS12],
  ] as const) {
    const store = { location: file(name, bytes), password: PASSWORD };
    const { cert, ca } = read(store, store);
    assert.equal(subjects(cert), ["CN=server"], name);
    // Java trusts the certificate of a key besides those that are marked.
    assert.equal(subjects(ca).sort(), ["CN=ca", "CN=server"], name);
  }
});

test("trust stores of keytool hold no key, and what they hold is trusted", () => {
  const own = { location: file("s.jks", samples.JKS), password: PASSWORD };
  for (const [name, bytes] of [
    ["t.jks", samples.TRUST_JKS],
    ["t.p12", samples.TRUST_PKCS12],
  ] as const) {
    const trust = { location: file(name, bytes), password: PASSWORD };
    assert.equal(subjects(read(own, trust).ca), ["CN=ca"]);
    assert.match(refusal(trust), `keyStore.location: ${name}: it holds no private key`);
  }
});

test("either binary format is taken for the other, and a type wins over the name", () => {
  for (const [name, bytes, type] of [
    ["really-pkcs12.jks", samples.PKCS12, undefined],
    ["really-jks.p12", samples.JKS, undefined],
    ["server.store", samples.JKS, "PKCS12"],
    ["binary.pem", samples.PKCS12, "JKS"],
  ] as const) {
    const { cert } = read({ location: file(name, bytes), password: PASSWORD, type });
    assert.equal(subjects(cert), ["CN=server"], name);
  }
  const unnamed = { location: file("server.store", samples.JKS), password: PASSWORD };
  assert.match(refusal(unnamed), "keyStore.type: server.store: the name does not tell");
});

test("stores of openssl are read however they are locked, with their chain", () => {
  const rc2 = ["-legacy"];
  const ways = [
    [],
    ["-certpbe", "AES-128-CBC", "-keypbe", "AES-256-CBC", "-macalg", "sha512", "-iter", "100"],
    ["-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES", "-macalg", "sha1"],
    ["-certpbe", "NONE", "-keypbe", "NONE"],
    ["-nomac"],
    rc2,
    [...rc2, "-certpbe", "PBE-SHA1-RC2-128"],
  ];
  for (const options of ways) {
    const store = { location: pkcs12("made.p12", options), password: PASSWORD };
    assert.equal(subjects(read(store).cert), ["CN=server", "CN=ca"], options.join(" "));
  }
  certificates.openssl([
    ..."pkcs12 -export -nokeys -passout pass:secret -in".split(" "),
    ...[certificates.path("ca.pem"), "-out", certificates.path("trust.p12")],
  ]);
  const trust = { location: certificates.path("trust.p12"), password: PASSWORD };
  const own = { location: certificates.path("server.both.pem") };
  assert.equal(subjects(read(own, trust).ca), ["CN=ca"]);
});

test("a password may have any letters, and may come from a file that ends in a line end", () => {
  const location = file("other.jks", samples.OTHER_JKS);
  assert.equal(subjects(read({ location, password: "päss-1" }).cert), ["CN=server"]);
  const passwordPath = file("password", new TextEncoder().encode("päss-1\n"));
  const fromFile = { location, passwordPath, password: "the file wins" };
  assert.equal(subjects(read(fromFile).cert), ["CN=server"]);
  const missing = { location, passwordPath: certificates.path("none") };
  assert.match(refusal(missing), "keyStore.passwordPath: cannot read none: ENOENT");
});

test("a wrong or missing password names option and file", () => {
  const stores = [
    file("s.jks", samples.JKS),
    file("s.p12", samples.PKCS12),
    file("old.p12", samples.OLD_PKCS12),
    pkcs12("without-mac.p12", ["-nomac"]),
    pkcs12("without-mac-rc2.p12", ["-nomac", "-legacy"]),
  ];
  for (const location of stores) {
    const expected = /^TlsStoreError: keyStore\.password: [\w.-]+: it does not open with this/;
    assert.match(refusal({ location, password: "wrong" }), expected);
    assert.match(refusal({ location }), expected);
  }
});

test("a wrong password whose padding looks right by chance is refused as any other", () => {
  for (const options of [[], ["-legacy"], ["-certpbe", "NONE"]]) {
    // One round makes a try cheap; one wrong password in 256 gets past the padding.
    const location = pkcs12("cheap.p12", [...options, "-iter", "1", "-nomac"]);
    for (let i = 0; i < 1000; i++) {
      const text = refusal({ location, password: `wrong ${i}` });
      assert.match(text, "keyStore.password: cheap.p12: it does not open with this", text);
    }
  }
});

test("a store that is cut off anywhere is refused, and so is one with a changed byte", () => {
  for (const bytes of [samples.JKS, samples.PKCS12]) {
    for (let sizeBytes = 0; sizeBytes < bytes.length; sizeBytes += 61) {
      const location = file("cut.p12", bytes.subarray(0, sizeBytes));
      const text = refusal({ location, password: PASSWORD });
      assert.match(text, /^TlsStoreError: keyStore\.(?:location|password): cut\.p12: /);
      const changed = Buffer.from(bytes);
      changed[sizeBytes] = (changed[sizeBytes] ?? 0) ^ 0x41;
      const damaged = { location: file("changed.p12", changed), password: PASSWORD };
      try {
        // What the hash of PKCS12 does not cover may change.
        assert.equal(subjects(read(damaged).cert), ["CN=server"]);
      } catch (error) {
        assert.is((error as Error).name, "TlsStoreError", String(error));
      }
    }
  }
});

test("files of another kind are refused by what they are not", () => {
  const text = certificates.text("server.both.pem");
  const pem = { location: file("pem.jks", new TextEncoder().encode(text)), password: PASSWORD };
  assert.match(refusal(pem), "keyStore.location: pem.jks: it is no PKCS12 or JKS store");
  const jceks = { location: file("j.jks", samples.JCEKS), password: PASSWORD };
  assert.match(refusal(jceks), "keyStore.location: j.jks: JCEKS is not read: keytool");
  const jks = { location: file("jks.pem", samples.JKS), password: PASSWORD };
  assert.match(refusal(jks), "keyStore.location: jks.pem: it holds no private key");
  const der = {
    location: file("der.p12", new X509Certificate(certificates.text("server.pem")).raw),
    password: PASSWORD,
  };
  assert.match(refusal(der), "keyStore.location: der.p12: it is no PKCS12 store, or it ends too");
});

test("a key that is not that of the certificate is refused", () => {
  certificates.leaf("other", "ca");
  const mixed = certificates.text("other.key") + certificates.text("server.pem");
  const location = file("mixed.pem", new TextEncoder().encode(mixed));
  assert.match(refusal({ location }), "mixed.pem: its key is not that of its certificate");
});

test.run();
