import { DER_TAGS, type DerElement, derPart, objectId, readDer, readDerAll } from "./der.ts";

/** The attributes that have a name of their own (RFC 2253, 2.3); others are dotted numbers. */
const NAMES: ReadonlyMap<string, string> = new Map([
  ["2.5.4.3", "CN"],
  ["2.5.4.6", "C"],
  ["2.5.4.7", "L"],
  ["2.5.4.8", "ST"],
  ["2.5.4.9", "STREET"],
  ["2.5.4.10", "O"],
  ["2.5.4.11", "OU"],
  ["0.9.2342.19200300.100.1.1", "UID"],
  ["0.9.2342.19200300.100.1.25", "DC"],
]);
/** UTF8, printable, T61, IA5, general and BMP strings. */
const TEXT_TAGS: readonly number[] = [0x0c, 0x13, 0x14, 0x16, 0x1b, 0x1e];
const BMP_TAG = 0x1e;
const VERSION_TAG = 0xa0;

/**
 * Subject of a certificate in DER, as `X500Principal.getName()` of Java writes it: RFC 2253, the
 * last part first, which is what ACLs of Apache ZooKeeper hold.
 *
 * @throws {RangeError} for bytes that are no certificate.
 */
export function subjectOf(certificate: Uint8Array): string {
  return readDerAll(nameIn(certificate, SUBJECT_AT).content).reverse().map(partText).join(",");
}

/** Subject of a certificate as DER, to compare. @throws {RangeError} as {@link subjectOf}. */
export function subjectBytesOf(certificate: Uint8Array): Uint8Array {
  return nameIn(certificate, SUBJECT_AT).whole;
}

/** Who certified a certificate, as DER, to compare. @throws {RangeError} as {@link subjectOf}. */
export function issuerOf(certificate: Uint8Array): Uint8Array {
  return nameIn(certificate, ISSUER_AT).whole;
}

// After the version, which may be left out: serial number, algorithm, issuer, validity, subject.
const ISSUER_AT = 2;
const SUBJECT_AT = 4;

function nameIn(certificate: Uint8Array, at: number): DerElement {
  const [body] = readDerAll(readDer(certificate).content);
  const fields = readDerAll(body?.content ?? NOTHING);
  return derPart(fields, fields[0]?.tag === VERSION_TAG ? at + 1 : at, DER_TAGS.sequence);
}

const NOTHING = new Uint8Array(0);

function partText(part: DerElement): string {
  return readDerAll(part.content)
    .map(({ content }) => {
      const [type, value] = readDerAll(content);
      if (type === undefined || value === undefined) throw new RangeError("half an attribute");
      const id = objectId(type.content);
      const name = NAMES.get(id);
      const isText = name !== undefined && TEXT_TAGS.includes(value.tag);
      return `${name ?? id}=${isText ? escaped(textOf(value)) : `#${hex(value.whole)}`}`;
    })
    .join("+");
}

function textOf({ tag, content }: DerElement): string {
  if (tag !== BMP_TAG) return new TextDecoder().decode(content);
  const units = Array.from({ length: content.length >> 1 }, (_, i) => {
    return ((content[2 * i] ?? 0) << 8) | (content[2 * i + 1] ?? 0);
  });
  return String.fromCharCode(...units);
}

function escaped(text: string): string {
  const inner = text.replaceAll(/[,=+<>#;"\\]/g, "\\$&").replaceAll("\0", "\\00");
  let [start, end] = [0, inner.length];
  while (start < end && inner[start] === " ") start += 1;
  while (end > start && inner[end - 1] === " ") end -= 1;
  const spaces = [start, inner.length - end].map((count) => "\\ ".repeat(count));
  return `${spaces[0]}${inner.slice(start, end)}${spaces[1]}`;
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
