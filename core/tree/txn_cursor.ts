import { ZkError } from "../errors/zk_error.ts";
import { getInt } from "../wire/jute.ts";
import { OPCODES } from "../wire/opcodes.ts";

/**
 * Finds the parts of a transaction's body where they lie, and makes nothing of them. `read` sets
 * the fields that the type has and leaves the others as they were.
 */
export class TxnCursor {
  pathStart = 0;
  pathEnd = 0;
  dataStart = 0;
  /** Below {@link dataStart} for null. */
  dataEnd = 0;
  /** The encoded list, its count included. */
  aclStart = 0;
  aclEnd = 0;
  isEphemeral = false;
  /** -1 in creates of servers before 3.4, which did not say. */
  parentCversion = 0;
  ttlHigh = 0;
  ttlLow = 0;
  /** The resulting version or aversion. */
  version = 0;
  /** The reply code of an error. */
  code = 0;
  #bytes: Uint8Array = NOTHING;
  #at = 0;
  #end = 0;

  /**
   * Reads the body of one operation, anything but a session's or a multi, in `bytes[start..end)`.
   *
   * @returns the offset after it.
   * @throws {ZkError} `MarshallingError`, or `Unimplemented` for another type.
   */
  read(type: number, bytes: Uint8Array, start: number, end: number): number {
    this.begin(bytes, start, end);
    switch (type) {
      case OPCODES.create:
      case OPCODES.create2:
      case OPCODES.createContainer:
      case OPCODES.createTtl:
        this.#readCreate(type);
        break;
      case OPCODES.delete:
      case OPCODES.deleteContainer:
        this.readPath();
        break;
      case OPCODES.setData:
      case OPCODES.reconfig:
        this.readPath();
        this.#readData();
        this.version = this.int();
        break;
      case OPCODES.setAcl:
        this.readPath();
        this.#readAcls();
        this.version = this.int();
        break;
      case OPCODES.check:
        this.readPath();
        this.version = this.int();
        break;
      case OPCODES.error:
        this.#readError();
        break;
      default:
        throw new ZkError("Unimplemented", `transaction type ${type}`);
    }
    return this.#at;
  }

  /** Starts on `bytes[start..end)`, for {@link int} and {@link readPath}. */
  begin(bytes: Uint8Array, start: number, end: number): void {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  get offset(): number {
    return this.#at;
  }

  get remaining(): number {
    return this.#end - this.#at;
  }

  int(): number {
    const at = this.#at;
    if (at + 4 > this.#end) throw new ZkError("MarshallingError");
    this.#at = at + 4;
    return getInt(this.#bytes, at);
  }

  /** Steps over length-prefixed bytes; they end at {@link offset}. @returns -1 for null. */
  skipBuffer(): number {
    const sizeBytes = this.int();
    if (sizeBytes === -1) return -1;
    if (sizeBytes < 0 || sizeBytes > this.#end - this.#at) throw new ZkError("MarshallingError");
    this.#at += sizeBytes;
    return sizeBytes;
  }

  /** Sets `pathStart` and `pathEnd`. */
  readPath(): void {
    const sizeBytes = this.skipBuffer();
    this.pathEnd = this.#at;
    this.pathStart = this.#at - sizeBytes;
    const isPath = sizeBytes === 0 || (sizeBytes > 0 && this.#bytes[this.pathStart] === SLASH);
    if (!isPath) throw new ZkError("MarshallingError");
  }

  #readCreate(type: number): void {
    this.readPath();
    this.#readData();
    this.#readAcls();
    this.isEphemeral = false;
    if (type === OPCODES.create || type === OPCODES.create2) {
      if (this.remaining < 1) throw new ZkError("MarshallingError");
      this.isEphemeral = this.#bytes[this.#at] !== 0;
      this.#at += 1;
    }
    const isOld = type === OPCODES.create && this.remaining === 0;
    this.parentCversion = isOld ? -1 : this.int();
    if (type !== OPCODES.createTtl) return;
    this.ttlHigh = this.int();
    this.ttlLow = this.int();
  }

  #readData(): void {
    const sizeBytes = this.skipBuffer();
    this.dataEnd = this.#at;
    this.dataStart = this.#at - sizeBytes;
  }

  #readAcls(): void {
    this.aclStart = this.#at;
    const count = this.int();
    for (let i = 0; i < count; i++) {
      this.int();
      if (this.skipBuffer() < 0 || this.skipBuffer() < 0) throw new ZkError("MarshallingError");
    }
    this.aclEnd = this.#at;
  }

  /**
   * Apache's leader leaves the former body behind when it marks operations of a failed multi as
   * errors in memory, and followers are sent that: a body of another size stands for code 0.
   */
  #readError(): void {
    if (this.remaining === 4) this.code = this.int();
    else {
      this.code = 0;
      this.#at = this.#end;
    }
  }
}

const NOTHING = new Uint8Array(0);
const SLASH = 0x2f;
