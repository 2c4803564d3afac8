import { createServer } from "node:net";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { TransportError } from "../../../core/contracts/transport.ts";
import { type PrometheusOptions, PrometheusService } from "../../../plugins/admin/mod.ts";
import { PlainMetrics } from "../../../plugins/metrics/mod.ts";
import { ConsoleLogger } from "../../../plugins/system/mod.ts";
import { sampleInspection } from "./sample.ts";

const METRICS = new PlainMetrics();
METRICS.counter("commit_count", "transactions committed").value = 4;
METRICS.gauge("znode_count", "shown by the server already", () => -7);
METRICS.summary("fsynctime", "time of an fsync, ms").observe(2.5);

function service(options: PrometheusOptions): PrometheusService {
  const logger = new ConsoleLogger("silent");
  return new PrometheusService(sampleInspection(), METRICS, logger, { port: 0, ...options });
}

async function withService(
  options: PrometheusOptions,
  use: (url: string) => Promise<void>,
): Promise<void> {
  const started = service(options);
  await started.start();
  try {
    await use(`http://127.0.0.1:${started.port}`);
  } finally {
    await started.stop();
  }
}

test("GET /metrics shows the server's figures and counters under Apache's names", () =>
  withService({ processMetrics: false }, async (url) => {
    const response = await fetch(`${url}/metrics?from=test`);
    assert.is(response.status, 200);
    assert.match(response.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
    const text = await response.text();
    const values = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    for (const line of [
      "znode_count 9",
      "avg_latency 0.51234",
      "commit_count 4",
      "fsynctime_sum 2.5",
      "fsynctime_count 1",
      'quota_count_limit_per_namespace{key="shop"} 12',
      'quota_count_limit_per_namespace{key="other"} -1',
      'quota_bytes_usage_per_namespace{key="shop"} 16',
      'quota_exceeded_error_per_namespace{key="shop"} 3',
    ]) {
      assert.ok(values.includes(line), line);
    }
    assert.not.match(text, /quota_exceeded_error_per_namespace\{key="other"/);
    assert.match(text, /^# TYPE commit_count counter$/m);
    assert.match(text, /^# TYPE fsynctime summary$/m);
    assert.not.match(text, /process_/);
    assert.is(new Set(values.map((line) => line.split(" ", 1)[0])).size, values.length);
  }));

test("GET /metrics shows the process too, where that is wanted, from several servers", () =>
  withService({}, (first) =>
    withService({}, async (second) => {
      for (const url of [first, second]) {
        assert.match(await (await fetch(`${url}/metrics`)).text(), /^process_start_time_/m);
      }
    }),
  ));

test("whatever else is asked is answered with 404 or 405", () =>
  withService({}, async (url) => {
    assert.is((await fetch(`${url}/`)).status, 404);
    assert.is((await fetch(`${url}/metrics`, { method: "POST", body: "x" })).status, 405);
  }));

test("PrometheusService.start() names an address in use, and stop() may follow", async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  const address = other.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  const refused = service({ port });
  try {
    await refused.start();
    assert.unreachable("a port cannot be shared");
  } catch (error) {
    if (!(error instanceof TransportError)) throw error;
    assert.is(error.kind, "address-in-use");
    assert.match(error.message, `127.0.0.1:${port}`);
  } finally {
    await refused.stop();
    await new Promise((resolve) => other.close(resolve));
  }
});

test("PrometheusService.stop() ends at once although a client keeps its connection", async () => {
  const started = service({});
  await started.start();
  await (await fetch(`http://127.0.0.1:${started.port}/metrics`)).text();
  await started.stop();
  assert.is(started.port, 0);
});

test.run();
