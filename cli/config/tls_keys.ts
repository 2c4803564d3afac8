import * as v from "valibot";
import { type ConfigKey, key } from "./config_key.ts";
import type { ServerConfig, StoreConfig, TlsConfig, TlsVersion } from "./server_config.ts";
import { FLAG, LIST, namesIn, oneOf, TEXT, type ValueKind, whole } from "./values.ts";

const VERSION_NAMES = ["TLSv1.2", "TLSv1.3"] as const;
/** A range: the two there are follow one another. */
const VERSIONS: ValueKind<readonly [TlsVersion, TlsVersion]> = {
  schema: v.pipe(
    v.string(),
    v.transform(namesIn),
    v.array(v.picklist(VERSION_NAMES)),
    v.transform((names): readonly [TlsVersion, TlsVersion] => [
      names.includes("TLSv1.2") ? "TLSv1.2" : "TLSv1.3",
      names.includes("TLSv1.3") ? "TLSv1.3" : "TLSv1.2",
    ]),
  ),
  rule: "TLSv1.2, TLSv1.3, or both parted by a comma",
};

/** One of some words, in capitals or not. */
function wordOf<T extends string>(...words: readonly [T, ...T[]]): ValueKind<T> {
  const { schema, rule } = oneOf(...words);
  const asWritten = (text: string): string => {
    return words.find((word) => word.toLowerCase() === text.toLowerCase()) ?? text;
  };
  return { schema: v.pipe(v.string(), v.transform(asWritten), schema), rule };
}

/** Keys that are the same for clients (`ssl.`) and for other servers (`ssl.quorum.`). */
function tlsKeys(
  prefix: "ssl." | "ssl.quorum.",
  of: (config: ServerConfig) => TlsConfig,
  who: "clients" | "other servers",
): readonly ConfigKey[] {
  return [
    ...storeKeys(`${prefix}keyStore`, "the server's key and certificates", (config) => {
      return of(config).keyStore;
    }),
    ...storeKeys(`${prefix}trustStore`, `certificates that those of ${who} must lead to`, (c) => {
      return of(c).trustStore;
    }),
    key(
      `${prefix}clientAuth`,
      wordOf("need", "want", "none"),
      (config, value) => {
        of(config).clientAuth = value;
      },
      { help: `whether ${who} must, may or need not show a certificate`, fallback: "need" },
    ),
    key(`${prefix}enabledProtocols`, VERSIONS, (config, value) => (of(config).versions = value), {
      help: "versions of TLS that are spoken",
      fallback: `as ${prefix}protocol`,
    }),
    key(
      `${prefix}protocol`,
      oneOf("TLS", ...VERSION_NAMES),
      (config, value) => {
        of(config).protocol = value;
      },
      {
        help: `the one version spoken where ${prefix}enabledProtocols does not say; TLS is both`,
        fallback: "TLS",
      },
    ),
    key(`${prefix}ciphersuites`, LIST, (config, value) => (of(config).ciphersuites = value), {
      help: "suites that may be used, by Java's names; not on Deno; on Bun those of TLSv1.2 alone",
      fallback: "those of the runtime",
    }),
  ];
}

function storeKeys(
  name: string,
  what: string,
  of: (config: ServerConfig) => StoreConfig,
): readonly ConfigKey[] {
  const text = (field: Exclude<keyof StoreConfig, "type">, help: string): ConfigKey => {
    const manual = { help, fallback: "none" };
    return key(`${name}.${field}`, TEXT, (config, value) => (of(config)[field] = value), manual);
  };
  return [
    text("location", `file with ${what}`),
    text("password", "opens it"),
    text("passwordPath", "file whose text opens it"),
    key(
      `${name}.type`,
      wordOf("PEM", "PKCS12", "JKS"),
      (config, value) => {
        of(config).type = value;
      },
      { help: "what the file is", fallback: "by the end of its name" },
    ),
  ];
}

/** Keys of TLS for clients. */
export const TLS: readonly ConfigKey[] = [
  key("secureClientPort", whole(0, 65_535), ({ tls }, value) => (tls.port = value), {
    help: "port for clients by TLS; without `clientPort` there is then no other",
    fallback: "none",
  }),
  key("secureClientPortAddress", TEXT, ({ tls }, value) => (tls.host = value), {
    help: "address to listen on for TLS",
    fallback: "127.0.0.1; all addresses where a zoo.cfg is given",
  }),
  key("client.portUnification", FLAG, ({ tls }, value) => (tls.isUnified = value), {
    help: "whether `clientPort` takes TLS as well as plain connections",
    fallback: "false",
  }),
  ...tlsKeys("ssl.", ({ tls }) => tls, "clients"),
  key("ssl.authProvider", oneOf("x509"), () => {}, {
    help: "the scheme that makes a certificate an identity",
    fallback: "x509",
  }),
  key("client.certReload", FLAG, ({ tls }, value) => (tls.reloads = value), {
    help: "whether key and trust store are read again when they change, for new connections",
    fallback: "false",
  }),
  key("X509AuthenticationProvider.superUser", TEXT, ({ tls }, value) => (tls.superUser = value), {
    help: "subject (RFC 2253) of the certificate whose owner may do anything",
    fallback: "nobody",
  }),
];

/** Keys of TLS between the servers of an ensemble. */
export const PEER_TLS: readonly ConfigKey[] = [
  key("sslQuorum", FLAG, ({ peerTls }, value) => (peerTls.isOn = value), {
    help: "whether this server speaks TLS with the others, on both ports",
    fallback: "false",
  }),
  key("portUnification", FLAG, ({ peerTls }, value) => (peerTls.isUnified = value), {
    help: "whether both ports take TLS as well as plain connections: while servers are changed",
    fallback: "false",
  }),
  ...tlsKeys("ssl.quorum.", ({ peerTls }) => peerTls, "other servers"),
  key(
    "ssl.quorum.hostnameVerification",
    FLAG,
    ({ peerTls }, value) => (peerTls.checksNames = value),
    {
      help: "whether certificates of other servers must be for their names or addresses",
      fallback: "true",
    },
  ),
  key(
    "ssl.quorum.clientHostnameVerification",
    FLAG,
    ({ peerTls }, value) => (peerTls.checksNamesOfDiallers = value),
    {
      help: "the same for servers that connect to this one, if the former is not false",
      fallback: "true",
    },
  ),
  key(
    "ssl.quorum.allowReverseDnsLookup",
    FLAG,
    ({ peerTls }, value) => (peerTls.looksUpNames = value),
    {
      help: "whether the name of the address of a server that connects may be looked up for that",
      fallback: "true",
    },
  ),
  key("sslQuorumReloadCertFiles", FLAG, ({ peerTls }, value) => (peerTls.reloads = value), {
    help: "whether key and trust store are read again when they change, for new connections",
    fallback: "false",
  }),
];
