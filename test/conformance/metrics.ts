import assert from "node:assert/strict";
import type { Metric, Metrics } from "../../core/contracts/metrics.ts";

/** What the suite needs to know of an implementation. */
export interface MetricsFixture {
  /** The runner's `test`. */
  readonly test: (name: string, run: () => Promise<void>) => void;
  readonly make: () => Metrics;
}

/** Registers the tests that every {@link Metrics} passes. */
export function testMetrics({ test, make }: MetricsFixture): void {
  const find = (metrics: Metrics, name: string): Metric | undefined =>
    metrics.read().find((metric) => metric.name === name);

  test("Metrics.read() gives every figure, in order of registration", async () => {
    const metrics = make();
    assert.deepEqual(metrics.read(), []);
    metrics.summary("z", "last letter");
    metrics.gauge("a", "first letter", () => 3);
    metrics.counter("m", "a letter between").value += 2;
    const figures = metrics.read().map(({ name, kind, help }) => [name, kind, help]);
    assert.deepEqual(figures, [
      ["z", "summary", "last letter"],
      ["a", "gauge", "first letter"],
      ["m", "counter", "a letter between"],
    ]);
  });

  test("Metrics.counter() gives the same counter for the same name", async () => {
    const metrics = make();
    metrics.counter("n", "help").value += 1;
    metrics.counter("n", "help").value += 1;
    const figure = find(metrics, "n");
    assert.ok(figure?.kind === "counter");
    assert.equal(figure.value, 2);
  });

  test("Metrics.gauge() is read when asked, and a later one replaces it", async () => {
    const metrics = make();
    let value = 1;
    metrics.gauge("g", "help", () => value);
    value = 5;
    assert.deepEqual(find(metrics, "g"), { kind: "gauge", name: "g", help: "help", value: 5 });
    metrics.gauge("g", "help", () => -1);
    assert.equal(metrics.read().length, 1);
    assert.deepEqual(find(metrics, "g"), { kind: "gauge", name: "g", help: "help", value: -1 });
  });

  test("Metrics.summary() counts, sums and keeps the extremes, negative ones too", async () => {
    const summary = make().summary("s", "help");
    const shown = (): number[] => [summary.count, summary.sum, summary.min, summary.max];
    assert.deepEqual(shown(), [0, 0, 0, 0]);
    summary.observe(-3);
    assert.deepEqual(shown(), [1, -3, -3, -3]);
    summary.observe(4);
    summary.observe(1);
    assert.deepEqual(shown(), [3, 2, -3, 4]);
  });

  test("Metrics.reset() sets counters and summaries to 0, and writers keep theirs", async () => {
    const metrics = make();
    const counter = metrics.counter("c", "help");
    const summary = metrics.summary("s", "help");
    metrics.gauge("g", "help", () => 9);
    counter.value = 7;
    summary.observe(2);
    metrics.reset();
    assert.deepEqual([counter.value, summary.count, summary.max], [0, 0, 0]);
    counter.value += 1;
    summary.observe(-1);
    const figure = find(metrics, "c");
    assert.ok(figure?.kind === "counter" && figure.value === 1);
    assert.equal(summary.max, -1);
    assert.ok(find(metrics, "g")?.kind === "gauge");
  });
}
