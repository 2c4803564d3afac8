import { createReadStream } from "node:fs";
import { pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { StorageError } from "../../core/contracts/storage.ts";
import { JuteReader } from "../../core/wire/jute.ts";
import { ADLER_START, adler32 } from "./adler32.ts";
import { unsnap } from "./snappy.ts";

const CHUNK_BYTES = 256 * 1024;
/** Of the records that {@link ByteSource.record} reads: damage must not fill the memory. */
const RECORD_BYTES_MAX = 256 << 20;

/** The bytes of a snapshot, unpacked as the end of its name says. The stream ends with the loop. */
export async function* readChunks(path: string): AsyncGenerator<Uint8Array> {
  const file = createReadStream(path, { highWaterMark: CHUNK_BYTES });
  try {
    if (path.endsWith(".snappy")) {
      yield* unsnap(file, path);
    } else if (path.endsWith(".gz")) {
      yield* pipeline(file, createGunzip({ chunkSize: CHUNK_BYTES }), () => {});
    } else {
      yield* file;
    }
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? "";
    if (!code.startsWith("Z_")) throw cause;
    throw new StorageError("damaged", `${path} cannot be unpacked`, { cause });
  } finally {
    file.destroy();
  }
}

/** A stream of bytes with a place in it, and the Adler-32 of all before that place. */
export class ByteSource {
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #path: string;
  /** What was read; a new array each time, so that views stay as they are. */
  bytes: Uint8Array = new Uint8Array(0);
  /** The place. */
  at = 0;
  #summed = 0;
  #sum = ADLER_START;

  constructor(chunks: AsyncIterator<Uint8Array>, path: string) {
    this.#chunks = chunks;
    this.#path = path;
  }

  get available(): number {
    return this.bytes.length - this.at;
  }

  /** The checksum of everything before the place. */
  get sum(): number {
    this.#sum = adler32(this.#sum, this.bytes, this.#summed, this.at);
    this.#summed = this.at;
    return this.#sum;
  }

  /** @returns false when the stream ends before `size` bytes are available. */
  async have(size: number): Promise<boolean> {
    const parts: Uint8Array[] = [];
    let available = this.available;
    while (available < size) {
      const { done, value } = await this.#chunks.next();
      if (done === true) break;
      parts.push(value);
      available += value.length;
    }
    if (parts.length > 0) {
      void this.sum;
      const rest = this.bytes.subarray(this.at);
      this.bytes = rest.length === 0 && parts.length === 1 ? parts[0]! : join([rest, ...parts]);
      this.at = 0;
      this.#summed = 0;
    }
    return available >= size;
  }

  /**
   * Reads a record of unknown size. Each attempt has twice the bytes of the one before, so that a
   * long one costs no more than a few short ones for each byte.
   *
   * @throws {StorageError} `damaged` when there is none, or none of less than 256 MiB.
   */
  async record<T>(read: (reader: JuteReader) => T): Promise<T> {
    for (;;) {
      const reader = new JuteReader(this.bytes, this.at, this.bytes.length);
      try {
        const value = read(reader);
        this.at = reader.offset;
        return value;
      } catch (cause) {
        const had = this.available;
        if (had <= RECORD_BYTES_MAX) await this.have(2 * had + 1);
        if (this.available > had) continue;
        throw new StorageError("damaged", `${this.#path} ends too early, or in a record too long`, {
          cause,
        });
      }
    }
  }

  async end(): Promise<void> {
    await this.#chunks.return?.();
  }
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts);
}
