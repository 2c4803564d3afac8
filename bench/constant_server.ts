/**
 * Answers every request with constant bytes of the right size, through the same `node:net` that
 * the TCP transport stands on: the roof of a runtime, which no real server of one thread on it
 * can pass.
 *
 * Run with `npx tsx bench/constant_server.ts`; prints the port it listens on.
 */
import { type AddressInfo, createServer, type Socket } from "node:net";

const OP = { create: 1, getData: 4, setData: 5, closeSession: -11 };
const HEADER_BYTES = 16;
const DATA_BYTES = 100;
const STAT_BYTES = 68;
const OUT_BYTES = 256 * 1024;
const EVENT_DATA_CHANGED = 3;
const PATTERN = "abcdefghijklmnopqrstuvwxyz".repeat(4).slice(0, DATA_BYTES - 8);

const HANDSHAKE = Buffer.alloc(41);
HANDSHAKE.writeInt32BE(37, 0);
HANDSHAKE.writeInt32BE(40_000, 8);
HANDSHAKE.writeInt32BE(1, 16);
HANDSHAKE.writeInt32BE(16, 20);

const GET_REPLY = reply(4 + DATA_BYTES + STAT_BYTES);
GET_REPLY.writeInt32BE(DATA_BYTES, 4 + HEADER_BYTES);
GET_REPLY.write(PATTERN, 4 + HEADER_BYTES + 4 + 8);
const SET_REPLY = reply(STAT_BYTES);
const EMPTY_REPLY = reply(0);

function reply(bodyBytes: number): Buffer {
  const frame = Buffer.alloc(4 + HEADER_BYTES + bodyBytes);
  frame.writeInt32BE(HEADER_BYTES + bodyBytes, 0);
  return frame;
}

/** Watchers of the one znode that the generator watches. */
const watchers = new Set<Socket>();

function notifyWatchers(path: Buffer): void {
  const event = Buffer.alloc(4 + HEADER_BYTES + 12 + path.length);
  event.writeInt32BE(HEADER_BYTES + 12 + path.length, 0);
  event.writeInt32BE(-1, 4);
  event.writeInt32BE(EVENT_DATA_CHANGED, 20);
  event.writeInt32BE(3, 24);
  event.writeInt32BE(path.length, 28);
  path.copy(event, 32);
  for (const socket of watchers) socket.write(event);
  watchers.clear();
}

class Connection {
  readonly #socket: Socket;
  #greeted = false;
  #closing = false;
  #rest: Buffer | undefined;
  #out: Buffer = Buffer.allocUnsafe(OUT_BYTES);

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  take(chunk: Buffer): void {
    const input = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    let start = 0;
    let end = 0;
    while (input.length - start >= 4) {
      const next = start + 4 + input.readInt32BE(start);
      if (next > input.length) break;
      end = this.#answer(input, start + 4, next, end);
      start = next;
    }
    this.#rest = start < input.length ? Buffer.from(input.subarray(start)) : undefined;
    if (end > 0) this.#socket.write(this.#out.subarray(0, end));
    if (this.#closing) this.#socket.end();
    // Bytes that the kernel did not take at once are still in the buffer.
    if (this.#socket.writableLength > 0) this.#out = Buffer.allocUnsafe(OUT_BYTES);
  }

  #answer(input: Buffer, start: number, next: number, at: number): number {
    if (!this.#greeted) {
      this.#greeted = true;
      return at + HANDSHAKE.copy(this.#out, at);
    }
    const op = input.readInt32BE(start + 4);
    const template = op === OP.getData ? GET_REPLY : op === OP.setData ? SET_REPLY : EMPTY_REPLY;
    let end = at + template.copy(this.#out, at);
    this.#out.writeInt32BE(input.readInt32BE(start), at + 4);
    this.#out.writeInt32BE(1, at + 12);
    if (op === OP.getData && input[next - 1] === 1) watchers.add(this.#socket);
    if (op === OP.closeSession) this.#closing = true;
    if (op !== OP.create && op !== OP.setData) return end;
    const pathEnd = start + 12 + input.readInt32BE(start + 8);
    if (op === OP.setData && watchers.size > 0) notifyWatchers(input.subarray(start + 12, pathEnd));
    if (op === OP.create) end += input.copy(this.#out, end, start + 8, pathEnd);
    this.#out.writeInt32BE(end - at - 4, at);
    return end;
  }
}

const server = createServer({ noDelay: true }, (socket) => {
  const connection = new Connection(socket);
  socket.on("data", (chunk) => connection.take(chunk));
  socket.on("error", () => socket.destroy());
  socket.on("close", () => watchers.delete(socket));
});
server.listen(0, "127.0.0.1", 1024, () => {
  console.log(`listening on 127.0.0.1:${(server.address() as AddressInfo).port}`);
});
