/** What is measured, and the goal that each figure has. */
import type { Measurement } from "./generator.ts";

/** One figure of a workload. The ratio is Zookit's figure by Apache's. */
export interface Figure {
  readonly name: string;
  readonly better: "higher" | "lower";
  /** The ratio aimed at; undefined where the figure is only shown. */
  readonly goal?: number;
  read(measurement: Measurement): number;
}

export interface Workload {
  readonly name: string;
  readonly about: string;
  /** Words for the load generator: mode, connections, requests outstanding on each. */
  readonly words: readonly string[];
  /** Whether the figures are a throughput, which the generator must be able to pass by half. */
  readonly isThroughput: boolean;
  readonly figures: readonly Figure[];
}

const PIPELINED = ["--connections", "16", "--window", "64"];
const UNPIPELINED = ["--connections", "64", "--window", "1"];
const ALONE = ["--connections", "1", "--window", "1"];

function perSecond(goal?: number): Figure {
  const read = (found: Measurement): number => found.perSecond;
  return { name: "requests/s", better: "higher", read, ...(goal !== undefined && { goal }) };
}

function perCpuSecond(goal?: number): Figure {
  const read = (found: Measurement): number => found.count / found.serverCpuSeconds;
  const name = "requests per server-CPU-second";
  return { name, better: "higher", read, ...(goal !== undefined && { goal }) };
}

function latency(name: "p50" | "p99" | "p99.9", goal?: number): Figure {
  const key = name === "p50" ? "p50Us" : name === "p99" ? "p99Us" : "p999Us";
  const read = (found: Measurement): number => found[key] / 1000;
  return { name: `${name}, ms`, better: "lower", read, ...(goal !== undefined && { goal }) };
}

function pipelined(mode: string, goal: number): Workload {
  return {
    name: `${mode}-pipelined`,
    about: "16 connections, 64 requests outstanding on each",
    words: [mode, ...PIPELINED],
    isThroughput: true,
    figures: [perSecond(goal), perCpuSecond(), latency("p50"), latency("p99"), latency("p99.9")],
  };
}

function unpipelined(mode: string): Workload {
  return {
    name: `${mode}-unpipelined`,
    about: "64 connections, one request outstanding on each",
    words: [mode, ...UNPIPELINED],
    isThroughput: true,
    figures: [perSecond(), perCpuSecond(2), latency("p50"), latency("p99"), latency("p99.9")],
  };
}

function alone(mode: string): Workload {
  return {
    name: `${mode}-alone`,
    about: "one connection, one request outstanding",
    words: [mode, ...ALONE],
    isThroughput: false,
    figures: [latency("p50", 1), latency("p99"), latency("p99.9")],
  };
}

/** In the order in which they run. Data are 100 bytes; the mix is nine getData to one setData. */
export const WORKLOADS: readonly Workload[] = [
  pipelined("get", 10),
  pipelined("set", 6),
  pipelined("create", 5),
  pipelined("mix", 7),
  unpipelined("get"),
  unpipelined("set"),
  alone("get"),
  alone("set"),
  {
    name: "watchers",
    about: "from setData until the last of 1,000 watchers has its notification",
    words: ["watchers", "--watchers", "1000"],
    isThroughput: false,
    figures: [latency("p50", 0.35), latency("p99")],
  },
];

const SPREAD = ["--connections", "15", "--window", "64"];

function spread(mode: string, goal: number): Workload {
  return {
    name: mode,
    about: "15 connections over all servers, 64 requests outstanding on each",
    words: [mode, ...SPREAD],
    isThroughput: true,
    figures: [perSecond(goal), perCpuSecond(), latency("p50"), latency("p99")],
  };
}

/** Against ensembles; 100 bytes, the mix as above. */
export const ENSEMBLE_WORKLOADS: readonly Workload[] = [
  spread("set", 4),
  spread("get", 6),
  spread("mix", 5),
  ...(["follower", "leader"] as const).map((role) => ({
    ...alone("set"),
    name: `lone-${role}`,
    about: `one connection to a ${role}, one setData outstanding`,
  })),
];

/** Words for a mix of so many getData in a hundred requests, the rest setData. */
export function ratioWords(readPercent: number): readonly string[] {
  return ["mix", ...SPREAD, "--reads", String(readPercent)];
}

/** The name of the workload that loads many znodes and restarts; see `fill.ts`. */
export const FILL = "fill";
export const FILL_GOALS = { memory: 0.45, restart: 0.4 };
