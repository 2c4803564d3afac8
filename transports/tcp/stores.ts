import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { type StoreOptions, type TlsOptions, TlsStoreError } from "./tls_options.ts";

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

/**
 * Reads key and trust store, and checks that they can be used.
 *
 * @throws {TlsStoreError} naming the option (`keyStore.location`), the file, and what would help.
 */
export function readCredentials(options: TlsOptions): Credentials {
  const { keyStore, trustStore, clientAuth = "need" } = options;
  const own = new Store("keyStore", keyStore);
  const key = own.key();
  const cert = own.certificates();
  if (!matches(key, cert[0] ?? "")) own.fail("location", "its key is not that of its certificate");
  if (clientAuth === "none") return { key, cert: cert.join("\n"), ca: [] };
  if (trustStore === undefined) {
    const ways = "name one, or ask clients for no certificates (clientAuth none)";
    throw new TlsStoreError(`trustStore.location: none says which clients to trust; ${ways}`);
  }
  const ca = new Store("trustStore", trustStore).certificates();
  return { key, cert: cert.join("\n"), ca };
}

/** Paths whose change means other credentials. */
export function storeFiles({ keyStore, trustStore }: TlsOptions): string[] {
  return [keyStore, trustStore].flatMap((store) => {
    return [store?.location, store?.passwordPath].filter((path) => path !== undefined);
  });
}

class Store {
  readonly #name: "keyStore" | "trustStore";
  readonly #options: StoreOptions;
  readonly #text: string;

  constructor(name: "keyStore" | "trustStore", options: StoreOptions) {
    this.#name = name;
    this.#options = options;
    const bytes = this.#read("location", options.location);
    const type = options.type ?? typeByName(options.location);
    if (type === undefined) {
      this.fail("type", "the name does not tell: say PEM, PKCS12 or JKS");
    } else if (type !== "PEM") {
      this.fail("type", `${type} is not read: ${CONVERT}`);
    }
    this.#text = bytes.toString("latin1");
  }

  key(): string {
    const pem = PEM_KEY.exec(this.#text)?.[0];
    if (pem === undefined) return this.fail("location", "it holds no private key");
    const passphrase = this.#password();
    try {
      const key = createPrivateKey({ key: pem, ...(passphrase !== undefined && { passphrase }) });
      return key.export({ type: "pkcs8", format: "pem" }) as string;
    } catch (cause) {
      const field = passphrase === undefined ? "location" : "password";
      return this.fail(field, "its key does not open; is the password right?", cause);
    }
  }

  certificates(): string[] {
    const found = this.#text.match(PEM_CERTIFICATE) ?? [];
    if (found.length === 0) this.fail("location", "it holds no certificate");
    for (const [index, pem] of found.entries()) {
      try {
        new X509Certificate(pem);
      } catch (cause) {
        this.fail("location", `certificate ${index + 1} in it is damaged`, cause);
      }
    }
    return [...found];
  }

  fail(field: keyof StoreOptions, problem: string, cause?: unknown): never {
    const message = `${this.#name}.${field}: ${this.#options.location}: ${problem}`;
    throw new TlsStoreError(message, cause === undefined ? {} : { cause });
  }

  #password(): string | undefined {
    const { password, passwordPath } = this.#options;
    if (password !== undefined || passwordPath === undefined) return password;
    return this.#read("passwordPath", passwordPath).toString("utf8").trim();
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

const CONVERT =
  "convert it by keytool -importkeystore -deststoretype PKCS12, then openssl pkcs12 -nodes";

function typeByName(path: string): "PEM" | "PKCS12" | "JKS" | undefined {
  if (/\.(?:pem|crt|cert|cer|key)$/i.test(path)) return "PEM";
  if (/\.(?:p12|pfx|pkcs12)$/i.test(path)) return "PKCS12";
  return /\.jks$/i.test(path) ? "JKS" : undefined;
}

function matches(key: string, certificate: string): boolean {
  return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
}
