import type { Connection, FanOut } from "../contracts/transport.ts";
import { JuteWriter } from "../wire/jute.ts";

/** Size of a fresh output buffer; it grows with what a turn of the event loop brings. */
const BUFFER_BYTES = 2 * 1024;
/** Buffers that grew beyond this are not kept for other connections. */
const BUFFER_BYTES_KEPT = 1024 * 1024;
/** Idle buffers kept, all sizes together. */
const POOL_BYTES_MAX = 16 * 1024 * 1024;
/** Fewer connections than these are served before a second thread is awake. */
const FAN_OUT_MIN = 64;

/** Where a connection's bytes gather between two flushes. */
export interface Outlet {
  readonly transport: Connection;
  /** What gathers to be sent. */
  pending: JuteWriter | undefined;
  /** Instead: the one frame there is to send, which others get as well. */
  shared: Uint8Array | undefined;
  /** The transport took what gathered; `drained` is its answer. */
  flushed(drained: boolean): void;
}

/**
 * Gathers what connections have to send, so that all replies of one turn leave a connection in one
 * write. Buffers are shared: an idle connection holds none.
 */
export class Output {
  readonly #pool: JuteWriter[] = [];
  #poolBytes = 0;
  #waiting: Outlet[] = [];
  #spare: Outlet[] = [];
  /** Frames appended as they are since the last flush. */
  #sharedCount = 0;

  /** The writer to append to; what is in it leaves at the next {@link flush}. */
  open(outlet: Outlet): JuteWriter {
    if (outlet.pending !== undefined) return outlet.pending;
    const writer = this.#take();
    outlet.pending = writer;
    const { shared } = outlet;
    if (shared === undefined) {
      this.#waiting.push(outlet);
    } else {
      writer.raw(shared);
      outlet.shared = undefined;
    }
    return writer;
  }

  /**
   * Appends a frame that nobody changes any more. To an outlet with nothing else to send it goes as
   * it is: a change that a thousand clients watch needs no thousand buffers.
   */
  append(outlet: Outlet, frame: Uint8Array): void {
    if (outlet.pending !== undefined || outlet.shared !== undefined) {
      this.open(outlet).raw(frame);
    } else {
      outlet.shared = frame;
      this.#sharedCount += 1;
      this.#waiting.push(outlet);
    }
  }

  /** Sends everything gathered, connection by connection in the order they were opened. */
  flush(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = this.#spare;
    if (this.#sharedCount >= FAN_OUT_MIN) sendAhead(waiting);
    this.#sharedCount = 0;
    for (let i = 0; i < waiting.length; i++) this.#send(waiting[i] as Outlet);
    waiting.length = 0;
    this.#spare = waiting;
  }

  #send(outlet: Outlet): void {
    const { transport, shared, pending: writer } = outlet;
    if (shared !== undefined) {
      outlet.shared = undefined;
      outlet.flushed(transport.write(shared));
      return;
    }
    if (writer === undefined) return;
    outlet.pending = undefined;
    const drained = writer.length === 0 || transport.write(writer.view());
    // While the transport still holds the bytes, the buffer is its own.
    if (transport.bufferedBytes > 0) writer.detach(BUFFER_BYTES);
    else writer.clear();
    this.#keep(writer);
    outlet.flushed(drained);
  }

  #take(): JuteWriter {
    const writer = this.#pool.pop();
    if (writer === undefined) return new JuteWriter(BUFFER_BYTES);
    this.#poolBytes -= writer.bytes.length;
    return writer;
  }

  #keep(writer: JuteWriter): void {
    const sizeBytes = writer.bytes.length;
    if (sizeBytes > BUFFER_BYTES_KEPT || this.#poolBytes + sizeBytes > POOL_BYTES_MAX) return;
    this.#poolBytes += sizeBytes;
    this.#pool.push(writer);
  }
}

/** Lets transports send what goes to many in a row before each gets it by itself. */
function sendAhead(waiting: readonly Outlet[]): void {
  let run: Connection[] = [];
  let frame: Uint8Array | undefined;
  let fanOut: FanOut | undefined;
  const end = (): void => {
    if (frame !== undefined && run.length >= FAN_OUT_MIN) fanOut?.sendAhead(run, frame);
    run = [];
  };
  for (const { transport, shared } of waiting) {
    if (shared !== frame || transport.fanOut !== fanOut) {
      end();
      frame = shared;
      fanOut = transport.fanOut;
    }
    run.push(transport);
  }
  end();
}
