import { createPrivateKey } from "node:crypto";
import { DER_TAGS, type DerElement, derPart, objectId, readDer, readDerAll } from "./der.ts";
import { issuerOf, subjectBytesOf } from "./distinguished_name.ts";
import { checkMac, decrypt } from "./pkcs12_locks.ts";
import { type StoreContents, StoreProblem, WRONG_PASSWORD } from "./store_contents.ts";

const DATA = "1.2.840.113549.1.7.1";
const SIGNED_DATA = "1.2.840.113549.1.7.2";
const ENCRYPTED_DATA = "1.2.840.113549.1.7.6";
const BAGS = "1.2.840.113549.1.12.10.1";
const X509_CERTIFICATE = "1.2.840.113549.1.9.22.1";
const LOCAL_KEY_ID = "1.2.840.113549.1.9.21";
/** By which Java marks certificates that are trusted. */
const TRUSTED_USAGE = "2.16.840.1.113894.746875.1.1";
const CHAIN_MAX = 20;

/** A key or certificate with what is said about it. */
interface Bag {
  readonly kind: "key" | "locked-key" | "certificate";
  readonly content: Uint8Array;
  readonly keyId: string | undefined;
  readonly isTrusted: boolean;
}

/**
 * Reads a PKCS12 store (RFC 7292) as `keytool` and `openssl` write it. Where it holds a key, only
 * certificates that Java has marked count as trusted, and the key's own; where it holds none, all.
 *
 * @throws {StoreProblem} for a wrong password, and for a store that cannot be read.
 */
export function readPkcs12(bytes: Uint8Array, password: string): StoreContents {
  const parts = readDerAll(readDer(bytes).content);
  const safes = dataOf(derPart(parts, 1, DER_TAGS.sequence));
  if (parts[2] !== undefined) checkMac(parts[2], safes, password);
  const bags = readDerAll(readDer(safes).content).flatMap((safe) => bagsOf(safe, password));
  const certificates = bags.filter(({ kind }) => kind === "certificate");
  const key = bags.find(({ kind }) => kind !== "certificate");
  if (key === undefined) {
    return { key: undefined, trusted: certificates.map(({ content }) => content) };
  }
  const own = certificates.find(({ keyId }) => keyId !== undefined && keyId === key.keyId);
  const trusted = certificates.filter((bag) => bag.isTrusted || bag === own);
  return {
    key: {
      unlock: () => (key.kind === "key" ? key.content : unlocked(key.content, password)),
      chain: own === undefined ? [] : chainFrom(own.content, certificates),
    },
    trusted: trusted.map(({ content }) => content),
  };
}

/** The bytes of a `ContentInfo` of type data. */
function dataOf(info: DerElement): Uint8Array {
  const parts = readDerAll(info.content);
  const type = objectId(derPart(parts, 0, DER_TAGS.objectId).content);
  if (type === DATA) return octetsIn(parts[1]);
  if (type !== SIGNED_DATA) throw new RangeError(`content of type ${type}`);
  throw new StoreProblem("location", "it is signed by a key, which is not read");
}

function octetsIn(wrapper: DerElement | undefined): Uint8Array {
  const inner = readDerAll(wrapper?.content ?? NOTHING);
  return derPart(inner, 0, DER_TAGS.octetString).content;
}

const NOTHING = new Uint8Array(0);

function bagsOf(safe: DerElement, password: string): Bag[] {
  const [type, content] = readDerAll(safe.content);
  const isLocked = type !== undefined && objectId(type.content) === ENCRYPTED_DATA;
  if (!isLocked) return bagsIn(dataOf(safe));
  const bytes = openSafe(content, password);
  try {
    return bagsIn(bytes);
  } catch (cause) {
    // One wrong password in 256 gives bytes whose padding looks right.
    if (!(cause instanceof RangeError)) throw cause;
    throw new StoreProblem("password", WRONG_PASSWORD, { cause });
  }
}

function bagsIn(bytes: Uint8Array): Bag[] {
  const bags = derPart(readDerAll(bytes), 0, DER_TAGS.sequence);
  return readDerAll(bags.content).flatMap(bagOf);
}

function openSafe(content: DerElement | undefined, password: string): Uint8Array {
  const parts = readDerAll(readDer(content?.content ?? NOTHING).content);
  const info = readDerAll(derPart(parts, 1, DER_TAGS.sequence).content);
  const algorithm = derPart(info, 1, DER_TAGS.sequence);
  return decrypt(algorithm, derPart(info, 2, DER_TAGS.context0Bytes).content, password);
}

function unlocked(locked: Uint8Array, password: string): Uint8Array {
  const parts = readDerAll(readDer(locked).content);
  const algorithm = derPart(parts, 0, DER_TAGS.sequence);
  const key = decrypt(algorithm, derPart(parts, 1, DER_TAGS.octetString).content, password);
  try {
    createPrivateKey({ key: Buffer.from(key), format: "der", type: "pkcs8" });
  } catch (cause) {
    // As in `bagsOf`: the padding of one wrong password in 256 looks right.
    throw new StoreProblem("password", WRONG_PASSWORD, { cause });
  }
  return key;
}

/** What else a store may hold (secrets, lists of revoked certificates) is passed over. */
function bagOf(element: DerElement): Bag[] {
  const parts = readDerAll(element.content);
  const id = objectId(derPart(parts, 0, DER_TAGS.objectId).content);
  const value = readDer(derPart(parts, 1, DER_TAGS.context0).content);
  const said = attributesOf(parts[2]);
  const keyId = said.get(LOCAL_KEY_ID);
  const isTrusted = said.has(TRUSTED_USAGE);
  const bag = (kind: Bag["kind"], content: Uint8Array): Bag[] => {
    return [{ kind, content, keyId, isTrusted }];
  };
  if (id === `${BAGS}.1`) return bag("key", value.whole);
  if (id === `${BAGS}.2`) return bag("locked-key", value.whole);
  if (id !== `${BAGS}.3`) return [];
  const [type, certificate] = readDerAll(value.content);
  const isX509 = type !== undefined && objectId(type.content) === X509_CERTIFICATE;
  return isX509 ? bag("certificate", octetsIn(certificate)) : [];
}

/** Values by their types, as text that can be compared. */
function attributesOf(set: DerElement | undefined): Map<string, string> {
  return new Map(
    readDerAll(set?.content ?? NOTHING).map(({ content }) => {
      const [type, values] = readDerAll(content);
      const id = type === undefined ? "" : objectId(type.content);
      return [id, Buffer.from(values?.content ?? NOTHING).toString("hex")];
    }),
  );
}

/** The certificate and those that certify one another after it, as far as they are there. */
function chainFrom(own: Uint8Array, certificates: readonly Bag[]): Uint8Array[] {
  const chain = [own];
  let last = own;
  while (chain.length < CHAIN_MAX) {
    const issuer = issuerOf(last);
    const next = certificates.find(({ content }) => {
      return content !== last && Buffer.compare(subjectBytesOf(content), issuer) === 0;
    });
    if (next === undefined || chain.includes(next.content)) return chain;
    chain.push(next.content);
    last = next.content;
  }
  return chain;
}
