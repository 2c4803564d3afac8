import { createHash, timingSafeEqual } from "node:crypto";
import { DER_TAGS, derPart, objectId, readDer, readDerAll } from "./der.ts";
import {
  type StoreContents,
  type StoreKey,
  StoreProblem,
  WRONG_PASSWORD,
} from "./store_contents.ts";

const MAGIC = 0xfeedfeed;
const KEY_TAG = 1;
const CERTIFICATE_TAG = 2;
const SHA1_BYTES = 20;
/** What the hash over a store begins with, after the password. */
const WHITENER = new TextEncoder().encode("Mighty Aphrodite");
/** The way in which Java locks keys in such stores. */
const KEY_PROTECTOR = "1.3.6.1.4.1.42.2.17.1.1";

/** Whether bytes begin as a JKS store does. */
export function isJks(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && viewOf(bytes).getUint32(0) === MAGIC;
}

/**
 * Reads a Java key store of type JKS (`sun.security.provider.JavaKeyStore` in OpenJDK): entries of
 * keys with their certificates, and trusted certificates, in the order of the file.
 *
 * @throws {StoreProblem} for a wrong password, and for bytes that are cut off or were changed.
 */
export function readJks(bytes: Uint8Array, password: string): StoreContents {
  const secret = utf16(password);
  const body = bytes.subarray(0, Math.max(0, bytes.length - SHA1_BYTES));
  const isWhole = timingSafeEqual(
    sha1(secret, WHITENER, body),
    Buffer.concat([bytes.subarray(body.length)], SHA1_BYTES),
  );
  if (!isWhole) throw new StoreProblem("password", WRONG_PASSWORD);
  const cursor = new Cursor(body);
  cursor.skip(4);
  const version = cursor.int();
  if (version !== 1 && version !== 2) {
    throw new StoreProblem("location", `it is a JKS store of version ${version}`);
  }
  let key: StoreKey | undefined;
  const trusted: Uint8Array[] = [];
  for (let left = cursor.int(); left > 0; left--) {
    const tag = cursor.int();
    cursor.text(); // Its alias.
    cursor.skip(8); // When it was made.
    if (tag === CERTIFICATE_TAG) {
      trusted.push(cursor.certificate(version));
      continue;
    }
    if (tag !== KEY_TAG) throw new StoreProblem("location", `it holds an entry of type ${tag}`);
    const locked = cursor.bytes(cursor.int());
    const chain = Array.from({ length: cursor.int() }, () => cursor.certificate(version));
    key ??= { chain, unlock: () => unlock(locked, secret) };
    trusted.push(...chain.slice(0, 1));
  }
  return { key, trusted };
}

/** Salt, the key XORed with a chain of hashes, and a hash over the key. */
function unlock(locked: Uint8Array, secret: Uint8Array): Uint8Array {
  const [algorithm, octets] = readDerAll(readDer(locked).content);
  const [id] = readDerAll(algorithm?.content ?? NOTHING);
  if (id === undefined || objectId(id.content) !== KEY_PROTECTOR) {
    throw new StoreProblem("location", "its key is locked in another way than JKS has");
  }
  const { content } = derPart(octets === undefined ? [] : [octets], 0, DER_TAGS.octetString);
  const plain = content.slice(SHA1_BYTES, -SHA1_BYTES);
  let pad: Uint8Array = content.subarray(0, SHA1_BYTES);
  for (let i = 0; i < plain.length; i++) {
    if (i % SHA1_BYTES === 0) pad = sha1(secret, pad);
    plain[i] = (plain[i] ?? 0) ^ (pad[i % SHA1_BYTES] ?? 0);
  }
  const isRight = timingSafeEqual(sha1(secret, plain), content.slice(-SHA1_BYTES));
  if (!isRight) throw new StoreProblem("password", "its key has another password than the store");
  return plain;
}

const NOTHING = new Uint8Array(0);

/** Reads what Java's `DataOutputStream` writes. The hash has vouched for all of it. */
class Cursor {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
  }

  skip(sizeBytes: number): void {
    this.bytes(sizeBytes);
  }

  int(): number {
    this.skip(4);
    return this.#view.getUint32(this.#at - 4);
  }

  bytes(sizeBytes: number): Uint8Array {
    const end = this.#at + sizeBytes;
    if (end > this.#bytes.length) throw new StoreProblem("location", "it ends too early");
    const bytes = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return bytes;
  }

  text(): string {
    this.skip(2);
    return new TextDecoder().decode(this.bytes(this.#view.getUint16(this.#at - 2)));
  }

  /** Version 2 says of each certificate what it is. */
  certificate(version: number): Uint8Array {
    const type = version === 1 ? "X.509" : this.text();
    const bytes = this.bytes(this.int());
    if (type === "X.509") return bytes;
    throw new StoreProblem("location", `it holds a certificate of type ${type}`);
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

function sha1(...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash("sha1");
  for (const part of parts) hash.update(part);
  return hash.digest();
}

function utf16(text: string): Uint8Array {
  const bytes = Buffer.from(text, "utf16le");
  return bytes.swap16();
}
