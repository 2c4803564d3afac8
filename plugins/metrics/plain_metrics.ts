import type { Counter, Metric, Metrics, Summary } from "../../core/contracts/metrics.ts";

/** Figures held as plain numbers: an addition to count, a few comparisons to observe. */
export class PlainMetrics implements Metrics {
  readonly #entries = new Map<string, Entry>();

  counter(name: string, help: string): Counter {
    const known = this.#entries.get(name);
    if (known?.kind === "counter") return known.counter;
    this.#refuseOther(name, known);
    const counter: Counter = { value: 0 };
    this.#entries.set(name, { kind: "counter", help, counter });
    return counter;
  }

  summary(name: string, help: string): Summary {
    const known = this.#entries.get(name);
    if (known?.kind === "summary") return known.summary;
    this.#refuseOther(name, known);
    const summary = new PlainSummary();
    this.#entries.set(name, { kind: "summary", help, summary });
    return summary;
  }

  gauge(name: string, help: string, read: () => number): void {
    const known = this.#entries.get(name);
    if (known?.kind !== "gauge") this.#refuseOther(name, known);
    this.#entries.set(name, { kind: "gauge", help, read });
  }

  read(): Metric[] {
    return [...this.#entries].map(([name, entry]): Metric => {
      const { kind, help } = entry;
      if (kind === "summary") return { kind, name, help, summary: entry.summary };
      return { kind, name, help, value: kind === "gauge" ? entry.read() : entry.counter.value };
    });
  }

  reset(): void {
    for (const entry of this.#entries.values()) {
      if (entry.kind === "counter") entry.counter.value = 0;
      if (entry.kind === "summary") entry.summary.reset();
    }
  }

  #refuseOther(name: string, known: Entry | undefined): void {
    if (known !== undefined) throw new TypeError(`metric ${name} is a ${known.kind} already`);
  }
}

type Entry =
  | { readonly kind: "counter"; readonly help: string; readonly counter: Counter }
  | { readonly kind: "gauge"; readonly help: string; readonly read: () => number }
  | { readonly kind: "summary"; readonly help: string; readonly summary: PlainSummary };

class PlainSummary implements Summary {
  count = 0;
  sum = 0;
  min = 0;
  max = 0;

  observe(value: number, times = 1): void {
    if (this.count === 0 || value < this.min) this.min = value;
    if (this.count === 0 || value > this.max) this.max = value;
    this.count += times;
    this.sum += value * times;
  }

  reset(): void {
    this.count = 0;
    this.sum = 0;
    this.min = 0;
    this.max = 0;
  }
}
