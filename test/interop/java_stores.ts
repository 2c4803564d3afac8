import { execFileSync } from "node:child_process";
import type { Certificates } from "../transports/certificates.ts";

/** Opens every store. */
export const STORE_PASSWORD = "secret";

const KEYTOOL = "/usr/bin/keytool";
const PASSWORDS = ["-srcstorepass", STORE_PASSWORD, "-deststorepass", STORE_PASSWORD];

/** Makes `<name>.p12` and `<name>.jks` of key and certificate `name`, by OpenSSL and by Java. */
export function keyStores(certificates: Certificates, name: string): void {
  const [pem, p12, jks] = ["both.pem", "p12", "jks"].map((end) =>
    certificates.path(`${name}.${end}`),
  );
  const out = ["-passout", `pass:${STORE_PASSWORD}`, "-name", name, "-out", p12 ?? ""];
  certificates.openssl(["pkcs12", "-export", "-in", pem ?? "", ...out]);
  const from = ["-srckeystore", p12 ?? "", "-srcstoretype", "PKCS12"];
  const to = ["-destkeystore", jks ?? "", "-deststoretype", "JKS"];
  keytool(["-importkeystore", ...from, ...to, ...PASSWORDS]);
}

/** Makes `<name>.trust.p12` and `<name>.trust.jks` that trust the certificate `name`. */
export function trustStores(certificates: Certificates, name: string): void {
  for (const [end, type] of [
    ["p12", "PKCS12"],
    ["jks", "JKS"],
  ] as const) {
    const store = ["-keystore", certificates.path(`${name}.trust.${end}`), "-storetype", type];
    const file = ["-alias", name, "-file", certificates.path(`${name}.pem`)];
    keytool(["-importcert", "-noprompt", ...file, ...store, "-storepass", STORE_PASSWORD]);
  }
}

function keytool(args: readonly string[]): void {
  try {
    execFileSync(KEYTOOL, [...args], { stdio: ["ignore", "pipe", "pipe"] });
  } catch (cause) {
    throw new Error(`${KEYTOOL} is missing or failed: install a Java runtime`, { cause });
  }
}
