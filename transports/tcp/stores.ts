import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { issuerOf, subjectBytesOf, subjectOf } from "./distinguished_name.ts";
import { isJks, readJks } from "./jks.ts";
import { readPkcs12 } from "./pkcs12.ts";
import { CONVERT, type StoreContents, StoreProblem } from "./store_contents.ts";
import { cipherSettings } from "./tls_ciphers.ts";
import { type StoreOptions, type TlsSettings, TlsStoreError } from "./tls_options.ts";

/** What a TLS context is made of, each as PEM. */
export interface Credentials {
  readonly key: string;
  /** The certificate of {@link key}, then those that lead from it towards the root. */
  readonly cert: string;
  /** Certificates that a client's must lead to; empty where none are asked for. */
  readonly ca: readonly string[];
}

const PEM_CERTIFICATE = /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[^-]+-----END [^-]+-----/g;
const PEM_KEY = /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----[^-]+-----END [^-]+-----/;
const JCEKS_MAGIC = 0xce;
const DER_SEQUENCE = 0x30;

/**
 * Reads key and trust store, and checks that they can be used.
 *
 * @throws {TlsStoreError} naming the option (`keyStore.location`), the file, and what would help.
 */
export function readCredentials(options: TlsSettings): Credentials {
  const { keyStore, trustStore, clientAuth = "need" } = options;
  const own = new Store("keyStore", keyStore);
  const { key, cert } = own.identity();
  if (clientAuth === "none") return { key, cert: cert.join("\n"), ca: [] };
  if (trustStore === undefined) {
    const ways = "name one, or ask clients for no certificates (clientAuth none)";
    throw new TlsStoreError(`trustStore.location: none says which clients to trust; ${ways}`);
  }
  const ca = new Store("trustStore", trustStore).trusted();
  return { key, cert: cert.join("\n"), ca };
}

/**
 * Checks what can be checked before listening.
 *
 * @throws {TlsStoreError} as {@link readCredentials}, and for suites that cannot be used.
 */
export function checkTlsOptions(options: TlsSettings): void {
  cipherSettings(options);
  readCredentials(options);
}

/**
 * Subjects of certificates that are trusted in vain: Node and Bun follow a chain up to one that
 * certified itself, and who certified these is not among `ca`.
 */
export function withoutRoot(ca: readonly string[]): string[] {
  const certificates = ca.map((pem) => new X509Certificate(pem).raw);
  const subjects = certificates.map((der) => subjectBytesOf(der));
  return certificates
    .filter((der) => !subjects.some((subject) => Buffer.compare(subject, issuerOf(der)) === 0))
    .map((der) => subjectOf(der));
}

/** Paths whose change means other credentials. */
export function storeFiles({ keyStore, trustStore }: TlsSettings): string[] {
  return [keyStore, trustStore].flatMap((store) => {
    return [store?.location, store?.passwordPath].filter((path) => path !== undefined);
  });
}

/** A file, read once, that is asked for what it holds. */
class Store {
  readonly #name: "keyStore" | "trustStore";
  readonly #options: StoreOptions;
  readonly #bytes: Buffer;
  readonly #isPem: boolean;

  constructor(name: "keyStore" | "trustStore", options: StoreOptions) {
    this.#name = name;
    this.#options = options;
    const type = options.type ?? typeByName(options.location);
    if (type === undefined) this.#fail("type", "the name does not tell: say PEM, PKCS12 or JKS");
    this.#isPem = type === "PEM";
    this.#bytes = this.#read("location", options.location);
  }

  /** Key and certificates, which belong together. */
  identity(): { readonly key: string; readonly cert: readonly string[] } {
    const found = this.#isPem
      ? { key: this.#pemKey(), cert: this.#pemCertificates() }
      : this.#inContents((contents) => this.#binaryIdentity(contents));
    let isPair: boolean;
    try {
      const certificate = new X509Certificate(found.cert[0] ?? "");
      isPair = certificate.checkPrivateKey(createPrivateKey(found.key));
    } catch (cause) {
      this.#fail("location", "its key or its certificate is damaged", cause);
    }
    if (!isPair) this.#fail("location", "its key is not that of its certificate");
    return found;
  }

  /** Certificates of those who are trusted. */
  trusted(): readonly string[] {
    if (this.#isPem) return this.#pemCertificates();
    const trusted = this.#inContents((contents) => {
      return contents.trusted.map((der) => pemOf("CERTIFICATE", der));
    });
    if (trusted.length === 0) this.#fail("location", "it holds no certificate that is trusted");
    return this.#sound(trusted);
  }

  #binaryIdentity({ key }: StoreContents): { key: string; cert: readonly string[] } {
    if (key === undefined) return this.#fail("location", "it holds no private key");
    const cert = key.chain.map((der) => pemOf("CERTIFICATE", der));
    if (cert.length === 0) this.#fail("location", "it holds no certificate for its key");
    return { key: pemOf("PRIVATE KEY", key.unlock()), cert: this.#sound(cert) };
  }

  /** Runs `take` on what a binary store holds; java takes either format for the other, and we. */
  #inContents<T>(take: (contents: StoreContents) => T): T {
    const bytes = this.#bytes;
    const password = this.#password() ?? "";
    try {
      if (isJks(bytes)) return take(readJks(bytes, password));
      if (bytes[0] === DER_SEQUENCE) return take(readPkcs12(bytes, password));
    } catch (cause) {
      if (cause instanceof RangeError) {
        this.#fail("location", "it is no PKCS12 store, or it ends too early", cause);
      }
      if (!(cause instanceof StoreProblem)) throw cause;
      this.#fail(cause.field, cause.message, cause);
    }
    const isJceks = bytes[0] === JCEKS_MAGIC && bytes[1] === JCEKS_MAGIC;
    const problem = isJceks ? `JCEKS is not read: ${CONVERT}` : "it is no PKCS12 or JKS store";
    return this.#fail("location", problem);
  }

  #pemKey(): string {
    const pem = PEM_KEY.exec(this.#bytes.toString("latin1"))?.[0];
    if (pem === undefined) return this.#fail("location", "it holds no private key");
    const passphrase = this.#password();
    try {
      const key = createPrivateKey({ key: pem, ...(passphrase !== undefined && { passphrase }) });
      return key.export({ type: "pkcs8", format: "pem" }) as string;
    } catch (cause) {
      const field = passphrase === undefined ? "location" : "password";
      return this.#fail(field, "its key does not open; is the password right?", cause);
    }
  }

  #pemCertificates(): readonly string[] {
    const found = this.#bytes.toString("latin1").match(PEM_CERTIFICATE) ?? [];
    if (found.length === 0) this.#fail("location", "it holds no certificate");
    return this.#sound([...found]);
  }

  #sound(certificates: readonly string[]): readonly string[] {
    for (const [index, pem] of certificates.entries()) {
      try {
        new X509Certificate(pem);
      } catch (cause) {
        this.#fail("location", `certificate ${index + 1} in it is damaged`, cause);
      }
    }
    return certificates;
  }

  #fail(field: keyof StoreOptions, problem: string, cause?: unknown): never {
    const message = `${this.#name}.${field}: ${this.#options.location}: ${problem}`;
    throw new TlsStoreError(message, cause === undefined ? {} : { cause });
  }

  /** As in Apache ZooKeeper the file wins, and its last line end is no part of the password. */
  #password(): string | undefined {
    const { password, passwordPath } = this.#options;
    if (passwordPath === undefined) return password;
    return this.#read("passwordPath", passwordPath)
      .toString("utf8")
      .replace(/\r?\n$/, "");
  }

  #read(field: "location" | "passwordPath", path: string): Buffer {
    try {
      return readFileSync(path);
    } catch (cause) {
      const { code = "unknown error" } = cause as { readonly code?: string };
      const message = `${this.#name}.${field}: cannot read ${path}: ${code}`;
      throw new TlsStoreError(message, { cause });
    }
  }
}

function typeByName(path: string): "PEM" | "PKCS12" | "JKS" | undefined {
  if (/\.(?:pem|crt|cert|cer|key)$/i.test(path)) return "PEM";
  if (/\.(?:p12|pfx|pkcs12)$/i.test(path)) return "PKCS12";
  return /\.(?:jks|keystore|truststore)$/i.test(path) ? "JKS" : undefined;
}

function pemOf(what: "CERTIFICATE" | "PRIVATE KEY", der: Uint8Array): string {
  const lines = Buffer.from(der)
    .toString("base64")
    .replaceAll(/.{64}(?=.)/g, "$&\n");
  return `-----BEGIN ${what}-----\n${lines}\n-----END ${what}-----\n`;
}
