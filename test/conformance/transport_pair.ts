import type { ByteSink, Connection, Dialer, Transport } from "../../core/contracts/transport.ts";

/** Longest wait for something that must happen, ms. */
const WAIT_MS_MAX = 60_000;

/** One end of a connection and all that its sink was told. */
export class End implements ByteSink {
  readonly connection: Connection;
  /** What happened besides chunks, in order. */
  readonly events: string[] = [];
  /** Called with each chunk instead of keeping it. */
  onChunk: ((bytes: Uint8Array) => void) | undefined;
  receivedBytes = 0;
  chunkCount = 0;
  #chunks: Uint8Array[] = [];
  #waiting: (() => void)[] = [];

  constructor(connection: Connection) {
    this.connection = connection;
  }

  chunk(bytes: Uint8Array): void {
    if (bytes.length === 0) this.events.push("empty chunk");
    if (this.isClosed) this.events.push("chunk after closed");
    this.chunkCount += 1;
    this.receivedBytes += bytes.length;
    if (this.onChunk === undefined) this.#chunks.push(new Uint8Array(bytes));
    else this.onChunk(bytes);
    this.#wake();
  }

  writable(): void {
    this.#happened("writable");
  }

  ended(): void {
    this.#happened("ended");
  }

  closed(): void {
    this.#happened("closed");
  }

  get isClosed(): boolean {
    return this.events.includes("closed");
  }

  /** How often something happened. */
  count(event: string): number {
    return this.events.filter((name) => name === event).length;
  }

  /** All bytes kept so far. */
  received(): Uint8Array {
    const all = new Uint8Array(this.#chunks.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const chunk of this.#chunks) {
      all.set(chunk, at);
      at += chunk.length;
    }
    this.#chunks = [all];
    return all;
  }

  /** Resolves once `holds`, which is asked after each call to the sink. */
  until(what: string, holds: () => boolean): Promise<void> {
    if (holds()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const so = `${this.receivedBytes} bytes, ${this.events.join(" ")}`;
        reject(new Error(`waited ${WAIT_MS_MAX} ms for ${what}; so far: ${so}`));
      }, WAIT_MS_MAX);
      const look = (): void => {
        if (!holds()) return void this.#waiting.push(look);
        clearTimeout(timer);
        resolve();
      };
      this.#waiting.push(look);
    });
  }

  untilBytes(sizeBytes: number): Promise<void> {
    return this.until(`${sizeBytes} bytes`, () => this.receivedBytes >= sizeBytes);
  }

  untilClosed(): Promise<void> {
    return this.until("closed()", () => this.isClosed);
  }

  /**
   * Resolves once the connection is closed after the other side has destroyed it: some transports
   * only tell that no more will come, and leave the rest to this side.
   */
  async untilGone(): Promise<void> {
    await this.until("ended() or closed()", () => this.count("ended") > 0 || this.isClosed);
    this.connection.end();
    await this.untilClosed();
  }

  /** Writes, and resolves when the next write is welcome. */
  async write(bytes: Uint8Array): Promise<void> {
    const before = this.count("writable");
    if (this.connection.write(bytes)) return;
    await this.until("writable()", () => this.count("writable") > before || this.isClosed);
  }

  #happened(event: string): void {
    if (this.isClosed) this.events.push(`${event} after closed`);
    else this.events.push(event);
    this.#wake();
  }

  #wake(): void {
    for (const look of this.#waiting.splice(0)) look();
  }
}

/** A connection seen from both sides. */
export interface Pair {
  readonly dialed: End;
  readonly accepted: End;
}

/** A listening transport whose connections the tests can get hold of. */
export class Listener {
  readonly transport: Transport;
  /** What to do with the next connections; accepts them all unless told otherwise. */
  refuses = false;
  readonly #dialer: () => Dialer;
  readonly #ends: End[] = [];
  #accepted: End[] = [];
  #waiting: ((end: End) => void)[] = [];

  constructor(transport: Transport, dialer: () => Dialer) {
    this.transport = transport;
    this.#dialer = dialer;
  }

  listen(): Promise<void> {
    return this.transport.listen((connection) => {
      if (this.refuses) return undefined;
      const end = this.#keep(new End(connection));
      const wanted = this.#waiting.shift();
      if (wanted === undefined) this.#accepted.push(end);
      else wanted(end);
      return end;
    });
  }

  /** Dials, without waiting for the other side. */
  async dial(signal?: AbortSignal): Promise<End> {
    let end: End | undefined;
    const connection = await this.#dialer().dial((opened) => {
      end = this.#keep(new End(opened));
      return end;
    }, signal);
    if (end?.connection !== connection) throw new Error("dial() resolved to another connection");
    return end;
  }

  /** The next connection that came in. */
  accepted(): Promise<End> {
    const end = this.#accepted.shift();
    if (end !== undefined) return Promise.resolve(end);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Both ends of a new connection; only where no other is being made. */
  async pair(): Promise<Pair> {
    const [dialed, accepted] = await Promise.all([this.dial(), this.accepted()]);
    return { dialed, accepted };
  }

  /** Lets time pass in which things that should not happen could: some round trips elsewhere. */
  async letPass(): Promise<void> {
    const { dialed, accepted } = await this.pair();
    for (let i = 1; i <= 20; i++) {
      dialed.connection.write(new Uint8Array([i]));
      await accepted.untilBytes(i);
      accepted.connection.write(new Uint8Array([i]));
      await dialed.untilBytes(i);
    }
    dialed.connection.destroy();
    await accepted.untilGone();
  }

  /** Leaves nothing open, whatever a test has left. */
  destroyAll(): void {
    for (const { connection } of this.#ends) connection.destroy();
  }

  #keep(end: End): End {
    this.#ends.push(end);
    return end;
  }
}

/** `sizeBytes` bytes that differ from place to place, beginning as the `offset`th of a stream. */
export function pattern(sizeBytes: number, offset = 0): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  for (let i = 0; i < sizeBytes; i++) bytes[i] = ((offset + i) * 31 + ((offset + i) >> 8)) & 0xff;
  return bytes;
}

/** Runs its argument with a transport that listens, and closes that afterwards. */
export type Using = (run: (listener: Listener) => Promise<void>) => () => Promise<void>;

/** Both ends, beginning with the one named. */
export function ends({ dialed, accepted }: Pair, first: keyof Pair): [End, End] {
  return first === "dialed" ? [dialed, accepted] : [accepted, dialed];
}
