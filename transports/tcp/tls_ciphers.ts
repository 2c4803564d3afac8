import { getCiphers } from "node:tls";
import { type TlsSettings, TlsStoreError, type TlsVersion } from "./tls_options.ts";

/** Versions and ciphers as `node:tls` takes them. */
export interface CipherSettings {
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion;
  /** Undefined leaves them to the runtime. */
  readonly ciphers: string | undefined;
}

const NEW_SUITE = /^TLS_(?:AES|CHACHA20)_/;
const OLD_SUITE = /^TLS_((?:ECDHE_|DHE_)?(?:RSA|ECDSA|DSS))_WITH_([A-Z\d_]+)_(SHA\d*)$/;

/**
 * Puts suites under the names of OpenSSL, and leaves out a version for which none is left.
 *
 * @throws {TlsStoreError} for a suite that the runtime does not have, or cannot be held to.
 */
export function cipherSettings({ ciphersuites, versions }: TlsSettings): CipherSettings {
  const [oldest, newest] = versions ?? ["TLSv1.2", "TLSv1.3"];
  if (ciphersuites === undefined) {
    return { minVersion: oldest, maxVersion: newest, ciphers: undefined };
  }
  const known = new Set(getCiphers().map((name) => name.toLowerCase()));
  const names = ciphersuites.map((suite) => {
    const name = openSslName(suite);
    if (name !== undefined && known.has(name.toLowerCase())) return name;
    throw new TlsStoreError(`ciphersuites: this runtime does not have ${suite}`);
  });
  const hasNew = names.some((name) => NEW_SUITE.test(name));
  const hasOld = names.some((name) => !NEW_SUITE.test(name));
  if ("Deno" in globalThis) {
    throw new TlsStoreError("ciphersuites: Deno cannot be held to suites: leave it out");
  }
  // A suite for one version says nothing of the other, which would then have all.
  const minVersion = hasOld ? oldest : "TLSv1.3";
  const maxVersion = hasNew ? newest : "TLSv1.2";
  if ("Bun" in globalThis && maxVersion === "TLSv1.3") {
    throw new TlsStoreError(
      "ciphersuites: Bun cannot be held to suites of TLSv1.3: name none of them",
    );
  }
  if (minVersion > maxVersion || minVersion > newest || maxVersion < oldest) {
    throw new TlsStoreError(`ciphersuites: none is of ${oldest}${range(oldest, newest)}`);
  }
  return { minVersion, maxVersion, ciphers: names.join(":") };
}

function range(oldest: TlsVersion, newest: TlsVersion): string {
  return oldest === newest ? "" : ` to ${newest}`;
}

/** The name of OpenSSL for that of the registry (`TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA`). */
function openSslName(suite: string): string | undefined {
  if (NEW_SUITE.test(suite)) return suite;
  const [, keys = "", cipher = "", hash = ""] = OLD_SUITE.exec(suite) ?? [];
  if (keys === "") return undefined;
  const exchange = keys === "RSA" ? "" : `${keys.replace("_", "-")}-`;
  if (cipher === "CHACHA20_POLY1305") return `${exchange}CHACHA20-POLY1305`;
  const short = cipher
    .replace(/^AES_(\d+)/, "AES$1")
    .replace(/_CBC$/, "")
    .replaceAll("_", "-");
  return `${exchange}${short}-${hash}`;
}
