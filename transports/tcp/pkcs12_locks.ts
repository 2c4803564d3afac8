/** How PKCS12 stores are locked by a password (RFC 7292, appendices A to C; RFC 8018). */
import {
  createDecipheriv,
  createHash,
  createHmac,
  type Decipher,
  pbkdf2Sync,
  timingSafeEqual,
} from "node:crypto";
import { DER_TAGS, type DerElement, derInteger, derPart, objectId, readDerAll } from "./der.ts";
import { decryptRc2 } from "./rc2.ts";
import { CONVERT, StoreProblem, WRONG_PASSWORD } from "./store_contents.ts";

/** A damaged file must not keep the server busy for hours. */
const ITERATIONS_MAX = 5_000_000;
const PBES2 = "1.2.840.113549.1.5.13";
const PBKDF2 = "1.2.840.113549.1.5.12";
const PBMAC1 = "1.2.840.113549.1.5.14";

/** Hash functions by the ids of themselves and of their HMACs. */
const HASHES: ReadonlyMap<string, string> = new Map([
  ["1.3.14.3.2.26", "sha1"],
  ["2.16.840.1.101.3.4.2.1", "sha256"],
  ["2.16.840.1.101.3.4.2.2", "sha384"],
  ["2.16.840.1.101.3.4.2.3", "sha512"],
  ["1.2.840.113549.2.7", "sha1"],
  ["1.2.840.113549.2.9", "sha256"],
  ["1.2.840.113549.2.10", "sha384"],
  ["1.2.840.113549.2.11", "sha512"],
]);
const CIPHERS: ReadonlyMap<string, readonly [name: string, keyBytes: number]> = new Map([
  ["2.16.840.1.101.3.4.1.2", ["aes-128-cbc", 16]],
  ["2.16.840.1.101.3.4.1.22", ["aes-192-cbc", 24]],
  ["2.16.840.1.101.3.4.1.42", ["aes-256-cbc", 32]],
]);
/** The older ciphers, which go with SHA-1. */
const OLD_CIPHERS: ReadonlyMap<string, readonly [name: string, keyBytes: number]> = new Map([
  ["1.2.840.113549.1.12.1.3", ["des-ede3-cbc", 24]],
  ["1.2.840.113549.1.12.1.5", ["rc2", 16]],
  ["1.2.840.113549.1.12.1.6", ["rc2", 5]],
]);
/** What a derived secret is for. */
const FOR_KEY = 1;
const FOR_IV = 2;
const FOR_MAC = 3;

interface Lock {
  readonly cipher: string;
  readonly key: Uint8Array;
  readonly iv: Uint8Array;
}

/**
 * Opens what was locked as `algorithm` says.
 *
 * @throws {StoreProblem} when the password is wrong, or the way is not known.
 */
export function decrypt(algorithm: DerElement, locked: Uint8Array, password: string): Uint8Array {
  const parts = readDerAll(algorithm.content);
  const id = objectId(derPart(parts, 0, DER_TAGS.objectId).content);
  const parameters = readDerAll(derPart(parts, 1, DER_TAGS.sequence).content);
  const { cipher, key, iv } = lockOf(id, parameters, password);
  if (cipher === "rc2") {
    const plain = decryptRc2(locked, key, iv);
    if (plain === undefined) throw new StoreProblem("password", WRONG_PASSWORD);
    return plain;
  }
  let decipher: Decipher;
  try {
    decipher = createDecipheriv(cipher, key, iv);
  } catch (cause) {
    const problem = `it is locked by ${cipher}, which this runtime does not have: ${CONVERT}`;
    throw new StoreProblem("location", problem, { cause });
  }
  try {
    return Buffer.concat([decipher.update(locked), decipher.final()]);
  } catch (cause) {
    throw new StoreProblem("password", WRONG_PASSWORD, { cause });
  }
}

function lockOf(id: string, parameters: readonly DerElement[], password: string): Lock {
  if (id === PBES2) return pbes2(parameters, password);
  const [cipher, keyBytes] = OLD_CIPHERS.get(id) ?? [undefined, 0];
  if (cipher === undefined) throw unknownWay(id);
  const salt = derPart(parameters, 0, DER_TAGS.octetString).content;
  const rounds = iterations(parameters[1]);
  const derive = (purpose: number, sizeBytes: number): Uint8Array => {
    return pkcs12Key({ hash: "sha1", purpose, salt, rounds, password }, sizeBytes);
  };
  return { cipher, key: derive(FOR_KEY, keyBytes), iv: derive(FOR_IV, 8) };
}

function pbes2(parameters: readonly DerElement[], password: string): Lock {
  const [derivation, encryption] = [0, 1].map((index) => {
    return readDerAll(derPart(parameters, index, DER_TAGS.sequence).content);
  }) as [DerElement[], DerElement[]];
  const how = objectId(derPart(derivation, 0, DER_TAGS.objectId).content);
  if (how !== PBKDF2) throw unknownWay(how);
  const what = objectId(derPart(encryption, 0, DER_TAGS.objectId).content);
  const [cipher, keyBytes] = CIPHERS.get(what) ?? [undefined, 0];
  if (cipher === undefined) throw unknownWay(what);
  const settings = readDerAll(derPart(derivation, 1, DER_TAGS.sequence).content);
  const salt = derPart(settings, 0, DER_TAGS.octetString).content;
  // The length of the key may stand between; SHA-1 is meant where no function is named.
  const named = settings.find(({ tag }) => tag === DER_TAGS.sequence);
  const hash = named === undefined ? "sha1" : hashOf(named);
  const key = pbkdf2Sync(password, salt, iterations(settings[1]), keyBytes, hash);
  return { cipher, key, iv: derPart(encryption, 1, DER_TAGS.octetString).content };
}

/**
 * Checks the hash over a store by which its password proves that nothing was changed.
 *
 * @param mac the element `MacData`.
 * @throws {StoreProblem} when the password is wrong, or the way is not known.
 */
export function checkMac(mac: DerElement, content: Uint8Array, password: string): void {
  const parts = readDerAll(mac.content);
  const [algorithm, expected] = readDerAll(derPart(parts, 0, DER_TAGS.sequence).content);
  const salt = derPart(parts, 1, DER_TAGS.octetString).content;
  const rounds = parts[2] === undefined ? 1 : iterations(parts[2]);
  if (algorithm === undefined || expected === undefined) throw new RangeError("half a MAC");
  const hash = hashOf(algorithm);
  const sizeBytes = createHash(hash).digest().length;
  const key = pkcs12Key({ hash, purpose: FOR_MAC, salt, rounds, password }, sizeBytes);
  const found = createHmac(hash, key).update(content).digest();
  const isRight =
    expected.content.length === found.length && timingSafeEqual(found, expected.content);
  if (!isRight) throw new StoreProblem("password", WRONG_PASSWORD);
}

function hashOf(algorithm: DerElement): string {
  const id = objectId(derPart(readDerAll(algorithm.content), 0, DER_TAGS.objectId).content);
  const name = HASHES.get(id);
  if (name === undefined) throw unknownWay(id);
  return name;
}

function iterations(element: DerElement | undefined): number {
  const count = element === undefined ? 0 : derInteger(element);
  if (count >= 1 && count <= ITERATIONS_MAX) return count;
  throw new StoreProblem("location", `its password would have to be hashed ${count} times`);
}

function unknownWay(id: string): StoreProblem {
  const what = id === PBMAC1 ? "PBMAC1" : id;
  return new StoreProblem("location", `it is locked by ${what}, which is not read: ${CONVERT}`);
}

interface Derivation {
  readonly hash: string;
  readonly purpose: number;
  readonly salt: Uint8Array;
  readonly rounds: number;
  readonly password: string;
}

/** A secret made of a password (RFC 7292, B.2). */
function pkcs12Key(derivation: Derivation, sizeBytes: number): Uint8Array {
  const { hash, purpose, salt, rounds, password } = derivation;
  const blockBytes = hash === "sha384" || hash === "sha512" ? 128 : 64;
  const start = new Uint8Array(blockBytes).fill(purpose);
  const text = Buffer.from(`${password}\0`, "utf16le").swap16();
  const blocks = Buffer.concat([repeated(salt, blockBytes), repeated(text, blockBytes)]);
  const made: Uint8Array[] = [];
  for (let madeBytes = 0; madeBytes < sizeBytes; ) {
    let digest = createHash(hash).update(start).update(blocks).digest();
    for (let i = 1; i < rounds; i++) digest = createHash(hash).update(digest).digest();
    made.push(digest);
    madeBytes += digest.length;
    const step = filled(digest, blockBytes);
    for (let at = 0; at < blocks.length; at += blockBytes) {
      addOneAnd(blocks.subarray(at, at + blockBytes), step);
    }
  }
  return Uint8Array.from(Buffer.concat(made).subarray(0, sizeBytes));
}

/** `bytes` over and over, up to the next whole block; nothing stays nothing. */
function repeated(bytes: Uint8Array, blockBytes: number): Uint8Array {
  return filled(bytes, Math.ceil(bytes.length / blockBytes) * blockBytes);
}

function filled(bytes: Uint8Array, sizeBytes: number): Uint8Array {
  return Uint8Array.from({ length: sizeBytes }, (_, i) => bytes[i % bytes.length] ?? 0);
}

/** Adds `step` and 1 to `block`, both as numbers with the greatest digit first. */
function addOneAnd(block: Uint8Array, step: Uint8Array): void {
  let carry = 1;
  for (let i = block.length - 1; i >= 0; i--) {
    carry += (block[i] ?? 0) + (step[i] ?? 0);
    block[i] = carry & 0xff;
    carry >>= 8;
  }
}
