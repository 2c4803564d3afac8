import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { collectDefaultMetrics, Registry } from "prom-client";
import { INSPECTION, type ServerInspection } from "../../core/contracts/inspection.ts";
import { LOGGER, type Logger } from "../../core/contracts/logger.ts";
import { METRICS, type Metrics } from "../../core/contracts/metrics.ts";
import { SERVICE, type Service } from "../../core/contracts/service.ts";
import { TransportError } from "../../core/contracts/transport.ts";
import type { Plugin } from "../../core/kernel/plugin.ts";
import { EXPOSITION_TYPE, exposition } from "./exposition.ts";

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
  readonly #server: Server;

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
    this.#server = createServer((request, response) => {
      void this.#serve(request, response).catch((error: unknown) => {
        this.#logger.error("reading metrics failed", { error });
        response.writeHead(500).end("reading metrics failed, see the server's log\n");
      });
    });
  }

  /** The port it listens on; 0 before {@link start}. */
  get port(): number {
    return (this.#server.address() as AddressInfo | null)?.port ?? 0;
  }

  /** @throws {TransportError} `address-in-use` or `io`, naming the address. */
  async start(): Promise<void> {
    const { host, port } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", (cause: Error & { readonly code?: string }) => {
        const kind = cause.code === "EADDRINUSE" ? "address-in-use" : "io";
        reject(new TransportError(kind, `metrics cannot listen on ${host}:${port}`, { cause }));
      });
      this.#server.listen(port, host, resolve);
    });
    this.#logger.info(`metrics on http://${host}:${this.port}/metrics`);
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
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
