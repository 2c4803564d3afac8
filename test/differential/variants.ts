import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ConnectionOptions } from "node:tls";
import { Certificates } from "../transports/certificates.ts";

/** Settings that some answers hang on. */
export type Variant = "everything" | "defaults" | "reconfig" | "reaping" | "logins" | "enforced";

/** What a variant adds to the settings of both servers. */
export type Settings = {
  /** In the form that Apache's start script passes them. */
  readonly properties: readonly string[];
  /** Lines of the configuration file. */
  readonly config: Readonly<Record<string, string | number>>;
};

/** Users of SASL and their passwords. */
export const USERS: Readonly<Record<string, string>> = { ann: "secret", eve: "other" };
/** Subject of the certificate of the clients that have one, as both servers write it. */
export const SUBJECT = "CN=client,O=Zoo\\, Inc,C=DE";

const EXTENDED = ["-Dzookeeper.extendedTypesEnabled=true"];
/** So that a random program is not disturbed: reaping at random moments is not comparable. */
const NEVER_REAPED = ["-Dznode.container.checkIntervalMs=86400000"];
const SOON_REAPED = [
  "-Dznode.container.checkIntervalMs=50",
  "-Dznode.container.maxNeverUsedIntervalMs=1",
];
const ENFORCED = [
  "-Dzookeeper.enforce.auth.enabled=true",
  "-Dzookeeper.enforce.auth.schemes=digest",
];
const PROVIDERS = "org.apache.zookeeper.server.auth";

/** Writes what the settings name into `home`. `tlsPort` is where `logins` listens for TLS. */
export function settingsOf(variant: Variant, home: string, tlsPort: number): Settings {
  switch (variant) {
    case "everything":
      return {
        properties: [...NEVER_REAPED, ...EXTENDED, "-Dzookeeper.enforceQuota=true"],
        config: {},
      };
    case "defaults":
      return { properties: NEVER_REAPED, config: {} };
    case "reconfig":
      return { properties: NEVER_REAPED, config: { reconfigEnabled: "true" } };
    case "reaping":
      return { properties: [...SOON_REAPED, ...EXTENDED], config: {} };
    case "enforced":
      return { properties: [...NEVER_REAPED, ...ENFORCED], config: {} };
    case "logins":
      return { properties: [...NEVER_REAPED, ...logins(home)], config: tls(tlsPort) };
  }
}

function logins(home: string): string[] {
  const file = join(home, "jaas.conf");
  const users = Object.entries(USERS).map(([name, password]) => ` user_${name}="${password}"`);
  writeFileSync(file, `Server { ${PROVIDERS}.DigestLoginModule required${users.join("")}; };`);
  return [
    `-Djava.security.auth.login.config=${file}`,
    `-Dzookeeper.authProvider.sasl=${PROVIDERS}.SASLAuthenticationProvider`,
    `-Dzookeeper.authProvider.x509=${PROVIDERS}.X509AuthenticationProvider`,
    "-Dzookeeper.serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory",
  ];
}

function tls(port: number): Settings["config"] {
  const from = certificates();
  return {
    secureClientPort: port,
    secureClientPortAddress: "127.0.0.1",
    "ssl.keyStore.location": from.path("server.both.pem"),
    "ssl.trustStore.location": from.path("ca.pem"),
  };
}

/** What a client with the certificate of `SUBJECT` connects with. */
export function clientTls(): ConnectionOptions {
  const from = certificates();
  return { ca: from.text("ca.pem"), cert: from.text("client.pem"), key: from.text("client.key") };
}

let made: Certificates | undefined;

/** Made once for a process, and removed at its end. */
function certificates(): Certificates {
  if (made !== undefined) return made;
  const fresh = new Certificates();
  made = fresh;
  process.once("exit", () => fresh.remove());
  fresh.authority("ca");
  for (const name of ["server", "client"]) fresh.leaf(name, "ca");
  return fresh;
}
