import { type Token, token } from "./token.ts";

/** A number that only rises, until the statistics are reset. */
export interface Counter {
  value: number;
}

/** Count, sum, least and greatest of what was observed since the last reset. */
export interface Summary {
  /** Notes `value`, `times` times (default once). */
  observe(value: number, times?: number): void;
  readonly count: number;
  readonly sum: number;
  /** 0 before the first observation. */
  readonly min: number;
  /** 0 before the first observation. */
  readonly max: number;
}

/** One named figure, as an exporter reads it. */
export type Metric =
  | {
      readonly kind: "counter";
      readonly name: string;
      readonly help: string;
      readonly value: number;
    }
  | { readonly kind: "gauge"; readonly name: string; readonly help: string; readonly value: number }
  | {
      readonly kind: "summary";
      readonly name: string;
      readonly help: string;
      readonly summary: Summary;
    };

/**
 * The figures of one server. Names are Apache ZooKeeper 3.9's where the thing exists there, without
 * the `zk_` prefix. Writers hold on to the counter, so a hot path pays one addition.
 */
export interface Metrics {
  /** The counter called `name`, made at the first call. */
  counter(name: string, help: string): Counter;
  /** The summary called `name`, made at the first call. */
  summary(name: string, help: string): Summary;
  /** A figure that is computed when somebody asks; a later `read` replaces an earlier one. */
  gauge(name: string, help: string, read: () => number): void;
  /** Every figure, in order of registration. */
  read(): Metric[];
  /** Sets counters and summaries to 0. */
  reset(): void;
}

/** Single. */
export const METRICS: Token<Metrics> = token("metrics");
