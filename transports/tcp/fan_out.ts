import { availableParallelism } from "node:os";
import process from "node:process";
import { Worker } from "node:worker_threads";
import type { FanOut } from "../../core/contracts/transport.ts";
import { BATCH_BYTES_MAX, BATCH_SOCKETS_MAX, FanOutBatch } from "./fan_out_batch.ts";
import type { NodeTcpConnection } from "./node_tcp.ts";

/**
 * Whether a second thread can write to the sockets of `node:net`, has a core to do it on, and can
 * be started: a thread of Node 20 reads no TypeScript, which a clone is in.
 */
export function canFanOut(): boolean {
  if ("Bun" in globalThis || "Deno" in globalThis || process.platform === "win32") return false;
  const { typescript } = process.features as { readonly typescript?: string | false };
  return (!isTypeScript() || Boolean(typescript)) && availableParallelism() > 1;
}

/** Starts the thread that helps with a batch. @throws {Error} where there may be no more. */
export function startHelper({ memory }: FanOutBatch): Worker {
  const file = isTypeScript() ? "./fan_out_worker.ts" : "./fan_out_worker.js";
  const worker = new Worker(new URL(file, import.meta.url), { workerData: memory });
  worker.unref();
  return worker;
}

function isTypeScript(): boolean {
  return import.meta.url.endsWith(".ts");
}

/**
 * Sends ahead with two threads, by the descriptors of the sockets: a send takes the kernel about
 * 6 microseconds, nearly all of what it takes to tell a thousand watchers of a change.
 *
 * The second thread begins with the first list that is long enough, which goes the usual way.
 */
export class NodeFanOut implements FanOut {
  readonly #start: typeof startHelper;
  #batch: FanOutBatch | undefined;
  #helper: Worker | undefined;
  #isClosed = false;

  /** @param start makes the thread; another for tests. */
  constructor(start: typeof startHelper = startHelper) {
    this.#start = start;
  }

  sendAhead(connections: readonly NodeTcpConnection[], bytes: Uint8Array): void {
    if (this.#isClosed || bytes.length > BATCH_BYTES_MAX) return;
    const batch = (this.#batch ??= this.#begin());
    if (!batch.hasHelp) return;
    for (let from = 0; from < connections.length; from += BATCH_SOCKETS_MAX) {
      sendPart(batch, connections.slice(from, from + BATCH_SOCKETS_MAX), bytes);
    }
  }

  /** Ends the thread; from now on everything goes the usual way. */
  close(): void {
    this.#isClosed = true;
    void this.#helper?.terminate();
  }

  #begin(): FanOutBatch {
    const batch = new FanOutBatch();
    try {
      this.#helper = this.#start(batch);
      this.#helper.on("error", (error) => this.#doWithout(error));
    } catch (error) {
      this.#doWithout(error);
    }
    return batch;
  }

  /** Between two batches nothing depends on the other thread. */
  #doWithout(cause: unknown): void {
    this.close();
    process.emitWarning(`one thread alone notifies watchers, the second failed: ${cause}`);
  }
}

function sendPart(
  batch: FanOutBatch,
  connections: readonly NodeTcpConnection[],
  bytes: Uint8Array,
): void {
  const able: NodeTcpConnection[] = [];
  for (const connection of connections) {
    const { descriptor } = connection;
    if (descriptor >= 0) batch.set(able.push(connection) - 1, descriptor);
  }
  batch.send(able.length, bytes);
  for (let i = 0; i < able.length; i++) able[i]!.sentAhead = batch.sent(i);
}
