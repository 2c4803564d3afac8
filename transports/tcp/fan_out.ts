import { availableParallelism } from "node:os";
import process from "node:process";
import { Worker } from "node:worker_threads";
import type { FanOut } from "../../core/contracts/transport.ts";
import { BATCH_BYTES_MAX, BATCH_SOCKETS_MAX, FanOutBatch } from "./fan_out_batch.ts";
import type { NodeTcpConnection } from "./node_tcp.ts";

const IS_TYPESCRIPT = import.meta.url.endsWith(".ts");

/**
 * Whether a second thread can write to the sockets of `node:net`, has a core to do it on, and can
 * be started: a thread of Node 20 reads no TypeScript, which a clone is in.
 */
export function canFanOut(): boolean {
  if ("Bun" in globalThis || "Deno" in globalThis || process.platform === "win32") return false;
  const { typescript } = process.features as { readonly typescript?: string | false };
  return (!IS_TYPESCRIPT || Boolean(typescript)) && availableParallelism() > 1;
}

/**
 * Sends ahead with two threads, by the descriptors of the sockets: a send takes the kernel about
 * 6 microseconds, nearly all of what it takes to tell a thousand watchers of a change.
 *
 * The second thread begins with the first list that is long enough, which goes the usual way.
 */
export class NodeFanOut implements FanOut {
  #batch: FanOutBatch | undefined;
  #worker: Worker | undefined;
  #isClosed = false;

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
    void this.#worker?.terminate();
  }

  #begin(): FanOutBatch {
    const batch = new FanOutBatch();
    const file = IS_TYPESCRIPT ? "./fan_out_worker.ts" : "./fan_out_worker.js";
    const worker = new Worker(new URL(file, import.meta.url), { workerData: batch.memory });
    this.#worker = worker;
    worker.unref();
    // Between two batches nothing depends on it.
    worker.on("error", () => this.close());
    worker.on("exit", () => this.close());
    return batch;
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
