import { Counter, Gauge, Summary as PromSummary, Registry } from "prom-client";
import type { ServerInspection } from "../../core/contracts/inspection.ts";
import type { Metric, Metrics, Summary } from "../../core/contracts/metrics.ts";
import { readFigures } from "./figures.ts";

/**
 * The figures of a server in Prometheus' text format, under Apache 3.9's names. Read when asked and
 * kept nowhere, so a request to the server pays nothing for them.
 */
export async function exposition(inspection: ServerInspection, metrics: Metrics): Promise<string> {
  const registry = new Registry();
  const figures = readFigures(inspection);
  for (const figure of figures) {
    const { name, key, help, value } = figure;
    if (key === undefined) addGauge(registry, name, help, value);
    else gaugeByKey(registry, name, help).set({ key }, value);
  }
  const known = new Set(figures.map(({ name }) => name));
  for (const metric of metrics.read()) {
    if (!known.has(metric.name)) addMetric(registry, metric);
  }
  return registry.metrics();
}

/** The content type of {@link exposition}. */
export const EXPOSITION_TYPE: string = Registry.PROMETHEUS_CONTENT_TYPE;

function addGauge(registry: Registry, name: string, help: string, value: number): void {
  new Gauge({ name, help, registers: [registry] }).set(value);
}

/** The gauge of that name, made for the first of its keys. */
function gaugeByKey(registry: Registry, name: string, help: string): Gauge<"key"> {
  const known = registry.getSingleMetric(name);
  if (known instanceof Gauge) return known;
  return new Gauge({ name, help, labelNames: ["key"], registers: [registry] });
}

function addMetric(registry: Registry, metric: Metric): void {
  const { kind, name, help } = metric;
  if (kind === "gauge") addGauge(registry, name, help, metric.value);
  else if (kind === "counter") new Counter({ name, help, registers: [registry] }).inc(metric.value);
  else registry.registerMetric(new ReadSummary(name, help, metric.summary));
}

/** A summary of sum and count that are counted elsewhere. */
class ReadSummary extends PromSummary {
  readonly #summary: Summary;

  constructor(name: string, help: string, summary: Summary) {
    super({ name, help, percentiles: [], registers: [] });
    this.#summary = summary;
  }

  override async get(): ReturnType<PromSummary["get"]> {
    const shown = await super.get();
    const { sum, count } = this.#summary;
    const values = [
      { metricName: `${shown.name}_sum`, labels: {}, value: sum },
      { metricName: `${shown.name}_count`, labels: {}, value: count },
    ];
    return { ...shown, values };
  }
}
