/**
 * The server under attack, in a process of its own: `server_main.ts FOLDER OPTIONS`. Tells its
 * parent its ports, and at each message its memory after a forced collection. An exception that
 * nobody catches ends it, as it would end the command.
 */

import { INSPECTION, type ServerInspection } from "../../core/contracts/inspection.ts";
import { METRICS } from "../../core/contracts/metrics.ts";
import {
  bucketSessions,
  consoleLogger,
  createServer,
  digestAuth,
  fourLetterWords,
  ipAuth,
  plainMetrics,
  saslDigestMd5,
  sqliteStorage,
  standalone,
  systemClock,
  systemEntropy,
  tcpTransport,
  tlsTransport,
  x509Auth,
} from "../../mod.ts";
import { DigestAuth } from "../../plugins/auth/mod.ts";
import { PlainMetrics } from "../../plugins/metrics/mod.ts";
import type { HostileOptions, ServerReport } from "./server_process.ts";

const [folder = "", given = "{}"] = process.argv.slice(2);
const { tls, users, ...options } = JSON.parse(given) as HostileOptions;
const metrics = new PlainMetrics();
let inspection: (() => ServerInspection) | undefined;

const server = createServer({
  tickTimeMs: 500,
  maxSessionTimeoutMs: 60_000,
  maxClientCnxns: 0,
  sessionlessTimeoutMs: 2_000,
  extendedTypesEnabled: true,
  enforceQuota: true,
  ...options,
  plugins: [
    systemClock(),
    systemEntropy(),
    consoleLogger({ level: "error" }),
    { ...plainMetrics(), register: (container) => container.value(METRICS, metrics) },
    bucketSessions(),
    ipAuth(),
    digestAuth({ superDigest: new DigestAuth().digestOf("super:secret") }),
    standalone(),
    fourLetterWords({ whitelist: ["*"] }),
    {
      name: "look",
      provides: [],
      requires: [INSPECTION],
      register: (container) => {
        inspection = () => container.get(INSPECTION);
      },
    },
    sqliteStorage({ path: folder }),
    tcpTransport({ port: 0, host: "127.0.0.1" }),
    ...(tls === undefined ? [] : [x509Auth(), tlsTransport(tls)]),
    ...(users === undefined ? [] : [saslDigestMd5({ users })]),
  ],
});
await server.start();
server.state.subscribe({
  error: (error) => {
    console.error(error);
    process.exit(9);
  },
});

function report(): ServerReport {
  for (let i = 0; i < 3; i++) globalThis.gc?.();
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
  const stats = inspection?.().stats();
  return {
    heapBytes: heapUsed + arrayBuffers,
    rssBytes: rss,
    digestMismatches: metrics.counter("digest_mismatches_count", "").value,
    connections: stats?.connectionCount ?? -1,
    watches: inspection?.().watchSummary().total ?? -1,
    nodes: stats?.nodeCount ?? -1,
    outstanding: stats?.outstanding ?? -1,
    failedHandshakes: metrics.counter("unsuccessful_handshake", "").value,
  };
}

process.on("message", () => process.send?.(report()));
process.on("disconnect", () => process.exit(0));
const [port, tlsPort = 0] = server.addresses.map((address) => Number(/\d+$/.exec(address)?.[0]));
process.send?.({ port, tlsPort });
