/**
 * A second, independent reading of the client protocol's bytes. The runner does not use
 * `core/wire`, so that a mistake made there cannot cancel itself out.
 */

const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();

/** Builds one frame: a length, which `frame()` fills in, and the body written so far. */
export class FrameWriter {
  #bytes = new Uint8Array(256);
  #view = new DataView(this.#bytes.buffer);
  #at = 4;

  int(value: number): this {
    this.#reserve(4);
    this.#view.setInt32(this.#at, value);
    this.#at += 4;
    return this;
  }

  long(value: bigint): this {
    this.#reserve(8);
    this.#view.setBigInt64(this.#at, value);
    this.#at += 8;
    return this;
  }

  bool(value: boolean): this {
    this.#reserve(1);
    this.#bytes[this.#at++] = value ? 1 : 0;
    return this;
  }

  buffer(value: Uint8Array | null): this {
    if (value === null) return this.int(-1);
    this.int(value.length);
    return this.raw(value);
  }

  text(value: string | null): this {
    return this.buffer(value === null ? null : ENCODER.encode(value));
  }

  texts(values: readonly (string | null)[] | null): this {
    if (values === null) return this.int(-1);
    this.int(values.length);
    for (const value of values) this.text(value);
    return this;
  }

  raw(bytes: Uint8Array): this {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
    return this;
  }

  /** The frame with its length; the writer may not be used afterwards. */
  frame(): Uint8Array {
    this.#view.setInt32(0, this.#at - 4);
    return this.#bytes.subarray(0, this.#at);
  }

  /** The body alone, without the length. */
  body(): Uint8Array {
    return this.#bytes.slice(4, this.#at);
  }

  #reserve(sizeBytes: number): void {
    if (this.#at + sizeBytes <= this.#bytes.length) return;
    const grown = new Uint8Array(2 * (this.#at + sizeBytes));
    grown.set(this.#bytes);
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}

/** Reads one frame's body; every method throws a `RangeError` past its end. */
export class FrameReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  int(): number {
    this.#at += 4;
    return this.#view.getInt32(this.#at - 4);
  }

  long(): bigint {
    this.#at += 8;
    return this.#view.getBigInt64(this.#at - 8);
  }

  bool(): boolean {
    this.#at += 1;
    return this.#view.getUint8(this.#at - 1) !== 0;
  }

  buffer(): Uint8Array | null {
    const size = this.int();
    if (size === -1) return null;
    if (size < 0 || size > this.left()) throw new RangeError(`buffer of ${size} bytes`);
    this.#at += size;
    return this.#bytes.subarray(this.#at - size, this.#at);
  }

  text(): string | null {
    const bytes = this.buffer();
    return bytes === null ? null : DECODER.decode(bytes);
  }

  list<T>(item: () => T): T[] | null {
    const count = this.int();
    if (count === -1) return null;
    return Array.from({ length: count }, item);
  }

  left(): number {
    return this.#bytes.length - this.#at;
  }

  get offset(): number {
    return this.#at;
  }

  /** Everything from `start` on, or what is not read yet, as hexadecimal digits. */
  restHex(start: number = this.#at): string {
    return hex(this.#bytes.subarray(start));
  }
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function fromHex(digits: string): Uint8Array {
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
