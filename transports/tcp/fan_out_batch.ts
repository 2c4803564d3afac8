import { writeSync } from "node:fs";
import process from "node:process";

/** Sockets of one batch; a longer list takes several. */
export const BATCH_SOCKETS_MAX = 4096;
/** Longer bytes are not sent ahead. */
export const BATCH_BYTES_MAX = 65_536;

/** Sockets that a thread takes at a time: some 50 us, which the other may have to wait. */
const PART_SOCKETS = 8;
const CONTROL_INTS = 16;
/** In {@link FanOutBatch}'s control words: sockets nobody has taken, 0 or less between batches. */
const LEFT = 0;
/** Sockets that the other thread is done with. */
const HELPED = 1;
/** Of the bytes. */
const LENGTH = 2;
/** Counts batches; the other thread sleeps on it. */
const TURN = 3;
/** Not 0 once the other thread works. */
const READY = 4;
/**
 * How often and how long the other thread is waited for before it counts as lost. Several times,
 * since for a process that is stopped and goes on one wait may be over before either has its turn.
 */
const PATIENCE_TURNS = 10;
const PATIENCE_MS = 1000;

const MEMORY_BYTES = (CONTROL_INTS + 2 * BATCH_SOCKETS_MAX) * 4 + BATCH_BYTES_MAX;

/**
 * The same bytes for many sockets, in memory that two threads share: each takes the next few
 * sockets that nobody has taken, until there are none. Between {@link send}s the other thread
 * touches no socket, so that whoever called may close them and their descriptors be used again.
 */
export class FanOutBatch {
  readonly memory: SharedArrayBuffer;
  readonly #control: Int32Array;
  readonly #sockets: Int32Array;
  readonly #sent: Int32Array;
  readonly #bytes: Uint8Array;

  /** @param memory of the other thread's batch; left out where the first is made. */
  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(MEMORY_BYTES)) {
    this.memory = memory;
    this.#control = new Int32Array(memory, 0, CONTROL_INTS);
    this.#sockets = new Int32Array(memory, CONTROL_INTS * 4, BATCH_SOCKETS_MAX);
    const sentAt = (CONTROL_INTS + BATCH_SOCKETS_MAX) * 4;
    this.#sent = new Int32Array(memory, sentAt, BATCH_SOCKETS_MAX);
    this.#bytes = new Uint8Array(memory, sentAt + BATCH_SOCKETS_MAX * 4, BATCH_BYTES_MAX);
  }

  /** Whether the other thread is there to help. */
  get hasHelp(): boolean {
    return Atomics.load(this.#control, READY) !== 0;
  }

  /** The descriptor of the socket at `index`; to be called before {@link send}. */
  set(index: number, descriptor: number): void {
    this.#sockets[index] = descriptor;
  }

  /** How many bytes the socket at `index` took, 0 for one that failed; after {@link send}. */
  sent(index: number): number {
    return this.#sent[index] as number;
  }

  /**
   * Sends `bytes` to the first `count` sockets that were {@link set}; both threads are done when it
   * returns. Ends the process if the other thread does not end its part in ten seconds: what it may
   * still write, and to whose socket, is not known then.
   */
  send(count: number, bytes: Uint8Array): void {
    const control = this.#control;
    this.#bytes.set(bytes);
    control[LENGTH] = bytes.length;
    Atomics.store(control, HELPED, 0);
    Atomics.store(control, LEFT, count);
    Atomics.add(control, TURN, 1);
    Atomics.notify(control, TURN);
    this.#join(count - this.#work());
  }

  /** Helps with every batch from now on; never returns. */
  help(): never {
    const control = this.#control;
    let turn = Atomics.load(control, TURN);
    Atomics.store(control, READY, 1);
    for (;;) {
      Atomics.wait(control, TURN, turn);
      turn = Atomics.load(control, TURN);
      this.#work((sockets) => {
        Atomics.add(control, HELPED, sockets);
        Atomics.notify(control, HELPED);
      });
    }
  }

  /** @returns to how many sockets this thread has sent; `tell` hears of each part. */
  #work(tell?: (sockets: number) => void): number {
    const control = this.#control;
    let worked = 0;
    for (;;) {
      // From the end, so that the answer alone says what has been taken: however late a thread
      // looks at it, it is a part of the batch that goes on, or nothing.
      const end = Atomics.sub(control, LEFT, PART_SOCKETS);
      if (end <= 0) return worked;
      const from = Math.max(0, end - PART_SOCKETS);
      const length = control[LENGTH] as number;
      for (let i = from; i < end; i++) this.#sent[i] = this.#write(this.#sockets[i]!, length);
      worked += end - from;
      tell?.(end - from);
    }
  }

  #write(descriptor: number, length: number): number {
    try {
      return writeSync(descriptor, this.#bytes, 0, length);
    } catch {
      return 0; // Its own connection will find the same, and knows what to do about it.
    }
  }

  #join(due: number): void {
    const control = this.#control;
    for (let turns = 0; ; ) {
      const helped = Atomics.load(control, HELPED);
      if (helped === due) return;
      if (Atomics.wait(control, HELPED, helped, PATIENCE_MS) !== "timed-out") continue;
      turns += 1;
      if (turns < PATIENCE_TURNS) continue;
      writeSync(2, "zookit: the thread that helps to notify watchers is lost\n");
      process.abort();
    }
  }
}
