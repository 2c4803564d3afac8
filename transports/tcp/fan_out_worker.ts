/** Runs in a worker thread: helps to send what goes to many sockets. */
import { workerData } from "node:worker_threads";
import { FanOutBatch } from "./fan_out_batch.ts";

// What a full socket throws is of no interest, least of all from where.
Error.stackTraceLimit = 0;
new FanOutBatch(workerData as SharedArrayBuffer).help();
