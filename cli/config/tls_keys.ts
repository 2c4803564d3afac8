import { type ConfigKey, key } from "./config_key.ts";
import type { StoreConfig, TlsVersion } from "./server_config.ts";
import { FLAG, LIST, oneOf, TEXT, type ValueKind, whole } from "./values.ts";

const VERSION_NAMES = ["TLSv1.2", "TLSv1.3"] as const;
/** A range: the two there are follow one another. */
const VERSIONS: ValueKind<readonly [TlsVersion, TlsVersion]> = {
  schema: TEXT.schema
    .transform((text) => text.split(",").map((name) => name.trim()))
    .refine((names) => names.every((name) => VERSION_NAMES.some((known) => known === name)))
    .transform((names) => [
      names.includes("TLSv1.2") ? "TLSv1.2" : "TLSv1.3",
      names.includes("TLSv1.3") ? "TLSv1.3" : "TLSv1.2",
    ]),
  rule: "TLSv1.2, TLSv1.3, or both parted by a comma",
};

/** One of some words, in capitals or not. */
function wordOf<T extends string>(...words: readonly [T, ...T[]]): ValueKind<T> {
  const { schema, rule } = oneOf(...words);
  const asWritten = (text: string): string => {
    return words.find((word) => word.toLowerCase() === text.toLowerCase()) ?? text;
  };
  return { schema: TEXT.schema.transform(asWritten).pipe(schema), rule };
}

function store(name: "keyStore" | "trustStore", what: string): readonly ConfigKey[] {
  const text = (field: Exclude<keyof StoreConfig, "type">, help: string): ConfigKey => {
    const manual = { help, fallback: "none" };
    return key(
      `ssl.${name}.${field}`,
      TEXT,
      ({ tls }, value) => (tls[name][field] = value),
      manual,
    );
  };
  return [
    text("location", `file with ${what}`),
    text("password", "opens it"),
    text("passwordPath", "file whose text opens it"),
    key(
      `ssl.${name}.type`,
      wordOf("PEM", "PKCS12", "JKS"),
      ({ tls }, value) => {
        tls[name].type = value;
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
  ...store("keyStore", "the server's key and certificates"),
  ...store("trustStore", "certificates that those of clients must lead to"),
  key(
    "ssl.clientAuth",
    wordOf("need", "want", "none"),
    ({ tls }, value) => {
      tls.clientAuth = value;
    },
    { help: "whether clients must, may or need not show a certificate", fallback: "need" },
  ),
  key("ssl.enabledProtocols", VERSIONS, ({ tls }, value) => (tls.versions = value), {
    help: "versions of TLS that are spoken",
    fallback: "as ssl.protocol",
  }),
  key("ssl.protocol", oneOf("TLS", ...VERSION_NAMES), ({ tls }, value) => (tls.protocol = value), {
    help: "the one version that is spoken where ssl.enabledProtocols does not say; TLS is both",
    fallback: "TLS",
  }),
  key("ssl.ciphersuites", LIST, ({ tls }, value) => (tls.ciphersuites = value), {
    help: "suites that may be used, as Java names them; not on Deno; on Bun those of TLSv1.2 alone",
    fallback: "those of the runtime",
  }),
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
