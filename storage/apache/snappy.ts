import { StorageError } from "../../core/contracts/storage.ts";

/** Magic, version and compatible version of snappy-java's stream (PP 1.2). */
const HEADER_BYTES = 16;
const MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const BLOCK_BYTES_MAX = 64 << 20;

/**
 * Unpacks the stream format of snappy-java, blocks with a length before each; the standard framing
 * format is another one.
 *
 * @throws {StorageError} `damaged`.
 */
export async function* unsnap(
  file: AsyncIterable<Uint8Array>,
  path: string,
): AsyncGenerator<Uint8Array> {
  const damaged = new StorageError("damaged", `${path} cannot be unpacked`);
  let bytes: Buffer = Buffer.alloc(0);
  let isBegun = false;
  for await (const chunk of file) {
    bytes = Buffer.concat([bytes, chunk]);
    if (!isBegun && bytes.length >= HEADER_BYTES) {
      if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) throw damaged;
      bytes = bytes.subarray(HEADER_BYTES);
      isBegun = true;
    }
    while (isBegun && bytes.length >= 4) {
      const size = bytes.readInt32BE(0);
      if (size < 0 || size > BLOCK_BYTES_MAX) throw damaged;
      if (bytes.length < 4 + size) break;
      const block = unpackBlock(bytes.subarray(4, 4 + size));
      if (block === undefined) throw damaged;
      yield block;
      bytes = bytes.subarray(4 + size);
    }
  }
  if (!isBegun || bytes.length > 0) throw damaged;
}

/** Unpacks one raw block; undefined when it is none. */
function unpackBlock(block: Uint8Array): Uint8Array | undefined {
  let at = 0;
  let size = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = block[at++];
    if (byte === undefined || shift > 28) return undefined;
    size += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
  }
  if (size > BLOCK_BYTES_MAX) return undefined;
  const out = new Uint8Array(size);
  let to = 0;
  while (at < block.length) {
    const tag = block[at++]!;
    const kind = tag & 3;
    const short = tag >> 2;
    // A literal's long length takes 1 to 4 bytes, a copy's offset 1, 2 or 4.
    const extra = kind === 0 ? Math.max(0, short - 59) : (COPY_BYTES[kind] as number);
    let number = 0;
    for (let i = 0; i < extra; i++) number += (block[at + i] ?? 0) * 2 ** (8 * i);
    at += extra;
    if (kind === 0) {
      const length = (extra === 0 ? short : number) + 1;
      if (at + length > block.length || to + length > size) return undefined;
      out.set(block.subarray(at, at + length), to);
      at += length;
      to += length;
      continue;
    }
    const length = kind === 1 ? (short & 7) + 4 : short + 1;
    const offset = kind === 1 ? ((tag >> 5) << 8) + number : number;
    if (offset === 0 || offset > to || to + length > size) return undefined;
    // Byte by byte: a copy may reach into what it writes.
    for (const end = to + length; to < end; to++) out[to] = out[to - offset]!;
  }
  return to === size ? out : undefined;
}

const COPY_BYTES = [0, 1, 2, 4];
