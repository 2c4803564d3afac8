import { type ErrorName, errorName, ZkError } from "../core/errors/zk_error.ts";
import type { JuteReader } from "../core/wire/jute.ts";
import type { Zxid } from "../core/wire/zxid.ts";

/** Reads the body of a reply; what it keeps it must copy. May throw the refusal that it finds. */
export type Decode<T> = (reader: JuteReader, zxid: Zxid) => T;

/** How a request is made and its reply understood. */
export interface RequestOptions<T> {
  /** The caller's path, for errors. */
  readonly path?: string | undefined;
  /** Undefined: the reply has no body that matters. */
  readonly decode?: Decode<T> | undefined;
  /** May turn a refusal into a value; undefined leaves it an error. */
  readonly recover?:
    | ((error: ErrorName, zxid: Zxid) => { readonly value: T } | undefined)
    | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A request between the call and its reply. Settles once; later attempts do nothing. */
export class Request<T> {
  readonly #options: RequestOptions<T>;
  #resolve!: (value: T) => void;
  #reject!: (error: unknown) => void;
  #isSettled = false;
  #aborted: (() => void) | undefined;
  readonly opcode: number;
  readonly promise: Promise<T>;
  xid = 0;
  /** The whole frame while it waits to be sent. */
  frame: Uint8Array | undefined;

  constructor(opcode: number, options: RequestOptions<T>) {
    this.opcode = opcode;
    this.#options = options;
    this.promise = new Promise<T>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const { signal } = options;
    if (signal === undefined) return;
    if (signal.aborted) {
      this.#fail(signal.reason);
      return;
    }
    this.#aborted = () => this.#fail(signal.reason);
    signal.addEventListener("abort", this.#aborted, { once: true });
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** Takes the reply; the reader stands behind the header. */
  reply(reader: JuteReader, zxid: Zxid, code: number): void {
    if (code !== 0) return this.#refused(code, zxid);
    let value: T;
    try {
      // The body is read even when nobody waits: a watch that was set must be known.
      value = this.#options.decode?.(reader, zxid) as T;
    } catch (cause) {
      const isRefusal = cause instanceof ZkError && cause.kind !== "MarshallingError";
      return isRefusal ? this.#fail(cause) : this.fail("MarshallingError", cause);
    }
    this.succeed(value);
  }

  /** Ends it without a reply. */
  fail(kind: ErrorName, cause?: unknown): void {
    if (!this.#isSettled) this.#fail(new ZkError(kind, this.#options.path, { cause }));
  }

  #refused(code: number, zxid: Zxid): void {
    const kind = errorName(code);
    if (kind === undefined) {
      return this.fail("SystemError", new Error(`the server answered with the code ${code}`));
    }
    const recovered = this.#options.recover?.(kind, zxid);
    if (recovered !== undefined) this.succeed(recovered.value);
    else this.fail(kind);
  }

  /** Settles it with a value. */
  succeed(value: T): void {
    if (this.#isSettled) return;
    this.#settled();
    this.#resolve(value);
  }

  #fail(error: unknown): void {
    if (this.#isSettled) return;
    this.#settled();
    this.#reject(error);
  }

  #settled(): void {
    this.#isSettled = true;
    if (this.#aborted === undefined) return;
    this.#options.signal?.removeEventListener("abort", this.#aborted);
    this.#aborted = undefined;
  }
}
