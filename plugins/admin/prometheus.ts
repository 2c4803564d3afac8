import type { IncomingMessage, ServerResponse } from "node:http";
import { collectDefaultMetrics, Registry } from "prom-client";
import { INSPECTION, type ServerInspection } from "../../core/contracts/inspection.ts";
import { LOGGER, type Logger } from "../../core/contracts/logger.ts";
import { METRICS, type Metrics } from "../../core/contracts/metrics.ts";
import { SERVICE, type Service } from "../../core/contracts/service.ts";
import type { Plugin } from "../../core/kernel/plugin.ts";
import { EXPOSITION_TYPE, exposition } from "./exposition.ts";
import { HttpPort } from "./http_port.ts";

/** Time after which a connection that says nothing is closed, ms. */
const IDLE_MS_MAX = 30_000;

/** Where `/metrics` listens. */
export interface PrometheusOptions {
  /** Address to listen on; `127.0.0.1` when it is not given. */
  readonly host?: string;
  /** Port to listen on; 0 lets the system choose. 7000 when it is not given, as in Apache. */
  readonly port?: number;
  /** Whether the process's own figures (`process_*`, `nodejs_*`) are shown. True when not given. */
  readonly processMetrics?: boolean;
}

/** `GET /metrics` on a port of its own, in Prometheus' text format. */
export class PrometheusService implements Service {
  readonly name = "prometheus";
  readonly #inspection: ServerInspection;
  readonly #metrics: Metrics;
  readonly #logger: Logger;
  readonly #options: Required<PrometheusOptions>;
  readonly #port: HttpPort;

  constructor(
    inspection: ServerInspection,
    metrics: Metrics,
    logger: Logger,
    options: PrometheusOptions = {},
  ) {
    this.#inspection = inspection;
    this.#metrics = metrics;
    this.#logger = logger;
    this.#options = { host: "127.0.0.1", port: 7000, processMetrics: true, ...options };
    const { host, port } = this.#options;
    const place = { name: "metrics", host, port, idleTimeoutMs: IDLE_MS_MAX };
    this.#port = new HttpPort(place, logger, (request, response) => this.#serve(request, response));
  }

  /** The port it listens on; 0 before {@link start}. */
  get port(): number {
    return this.#port.port;
  }

  /** @throws {TransportError} `address-in-use` or `io`, naming the address. */
  async start(): Promise<void> {
    await this.#port.listen();
    this.#logger.info(`metrics on http://${this.#options.host}:${this.port}/metrics`);
  }

  async stop(): Promise<void> {
    await this.#port.close();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path] = (request.url ?? "").split("?", 1);
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.writeHead(405, { allow: "GET, HEAD" }).end();
      return;
    }
    if (path !== "/metrics") {
      response.writeHead(404, { "content-type": "text/plain" }).end("metrics are at /metrics\n");
      return;
    }
    let text = await exposition(this.#inspection, this.#metrics);
    if (this.#options.processMetrics) text += `\n${await processRegistry().metrics()}`;
    response.writeHead(200, { "content-type": EXPOSITION_TYPE }).end(text);
  }
}

let shared: Registry | undefined;

/** One for all servers of a process: its observers of the event loop cannot be taken away. */
function processRegistry(): Registry {
  if (shared === undefined) {
    shared = new Registry();
    collectDefaultMetrics({ register: shared });
  }
  return shared;
}

/** Shows the figures of a server to Prometheus, at `/metrics`. */
export function prometheusMetrics(options: PrometheusOptions = {}): Plugin {
  return {
    name: "prometheus-metrics",
    provides: [SERVICE],
    requires: [INSPECTION, METRICS, LOGGER],
    register: (container) => {
      container.provide(SERVICE, () => {
        const logger = container.get(LOGGER).child("prometheus");
        const [inspection, metrics] = [container.get(INSPECTION), container.get(METRICS)];
        return new PrometheusService(inspection, metrics, logger, options);
      });
    },
  };
}
