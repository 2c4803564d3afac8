/** One element of DER (X.690): its tag, its content, and the bytes of both. */
export interface DerElement {
  readonly tag: number;
  readonly content: Uint8Array;
  readonly whole: Uint8Array;
}

/** Tags that are looked for. */
export const DER_TAGS = {
  integer: 0x02,
  octetString: 0x04,
  objectId: 0x06,
  sequence: 0x30,
  set: 0x31,
  /** `[0]` with elements inside, and with bytes. */
  context0: 0xa0,
  context0Bytes: 0x80,
} as const;

/**
 * The element that begins at `at`; lengths of up to four bytes.
 *
 * @throws {RangeError} when it runs past the end.
 */
export function readDer(bytes: Uint8Array, at = 0): DerElement {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined) throw new RangeError("DER ends too early");
  let start = at + 2;
  let sizeBytes = first;
  if (first >= 0x80) {
    const count = first - 0x80;
    if (count === 0 || count > 4) throw new RangeError(`DER length of ${count} bytes`);
    sizeBytes = 0;
    for (let i = 0; i < count; i++) sizeBytes = sizeBytes * 256 + (bytes[start + i] ?? 0);
    start += count;
  }
  const end = start + sizeBytes;
  if (end > bytes.length) throw new RangeError("DER ends too early");
  return { tag, content: bytes.subarray(start, end), whole: bytes.subarray(at, end) };
}

/** The elements that a constructed one consists of. @throws {RangeError} as {@link readDer}. */
export function readDerAll(bytes: Uint8Array): DerElement[] {
  const elements: DerElement[] = [];
  for (let at = 0; at < bytes.length; ) {
    const element = readDer(bytes, at);
    elements.push(element);
    at += element.whole.length;
  }
  return elements;
}

/**
 * The element at `index`, which must have `tag`.
 *
 * @throws {RangeError} when it is not there or is something else.
 */
export function derPart(elements: readonly DerElement[], index: number, tag: number): DerElement {
  const element = elements[index];
  if (element?.tag === tag) return element;
  throw new RangeError(`DER element ${index} has tag ${element?.tag}, not ${tag}`);
}

/** A number that is not negative and fits into 31 bits. @throws {RangeError} otherwise. */
export function derInteger({ tag, content }: DerElement): number {
  let value = 0;
  for (const byte of content) value = value * 256 + byte;
  const isFit = tag === DER_TAGS.integer && content.length > 0 && (content[0] ?? 0) < 0x80;
  if (!isFit || value > 0x7fff_ffff) throw new RangeError("DER number out of bounds");
  return value;
}

/** An object identifier in dotted form. */
export function objectId(content: Uint8Array): string {
  const numbers: number[] = [];
  let value = 0;
  for (const byte of content) {
    value = value * 128 + (byte & 0x7f);
    if (byte >= 0x80) continue;
    // The first two arcs share a number; the first is 0, 1 or 2.
    const root = Math.min(2, Math.floor(value / 40));
    if (numbers.length > 0) numbers.push(value);
    else numbers.push(root, value - 40 * root);
    value = 0;
  }
  return numbers.join(".");
}
