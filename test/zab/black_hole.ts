/**
 * Ports of loopback at which nobody answers: connections neither come about nor are refused, as at
 * an address behind which a machine is gone. They belong to a listener that accepts nothing and
 * whose queue is full.
 *
 * ```ts
 * const hole = await BlackHole.open(2);
 * const [quorum, election] = hole.ports;
 * await hole.close();
 * ```
 *
 * @module
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { Worker } from "node:worker_threads";

/** Listens, and never comes to accept anything. */
const LISTENER = `
const { parentPort, workerData } = require("node:worker_threads");
const { createServer } = require("node:net");
const ports = [];
for (let i = 0; i < workerData; i++) {
  const server = createServer();
  server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
    ports.push(server.address().port);
    if (ports.length < workerData) return;
    parentPort.postMessage(ports);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });
}
`;
/** Without an answer for so long, an attempt to connect gets none. */
const SILENCE_MS = 500;
/** More than any queue of the length asked for takes in. */
const DIALS_MAX = 16;

/** Some ports; see the top. */
export class BlackHole {
  readonly ports: readonly number[];
  readonly #worker: Worker;
  readonly #filling: readonly Socket[];

  private constructor(ports: readonly number[], worker: Worker, filling: readonly Socket[]) {
    this.ports = ports;
    this.#worker = worker;
    this.#filling = filling;
  }

  /** @throws Error when somebody answers all the same. */
  static async open(count: number): Promise<BlackHole> {
    const worker = new Worker(LISTENER, { eval: true, workerData: count });
    const [ports] = (await once(worker, "message")) as [number[]];
    const filling: Socket[] = [];
    for (const port of ports) {
      while (await isAnswered(port, filling)) {
        if (filling.length > DIALS_MAX * count) throw new Error(`port ${port} answers`);
      }
    }
    return new BlackHole(ports, worker, filling);
  }

  async close(): Promise<void> {
    for (const socket of this.#filling) socket.destroy();
    await this.#worker.terminate();
  }
}

async function isAnswered(port: number, filling: Socket[]): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  filling.push(socket);
  socket.on("error", () => {});
  const silence = new AbortController();
  const connected = once(socket, "connect").then(() => true);
  const silent = new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => resolve(false), SILENCE_MS);
    silence.signal.addEventListener("abort", () => clearTimeout(timer));
  });
  const outcome = await Promise.race([connected, silent]);
  silence.abort();
  connected.catch(() => {});
  return outcome;
}
