/**
 * What an operator's tools ask of a running server: four-letter words on the client port, Apache's
 * admin commands by HTTP, and Prometheus' `/metrics`, each on a port of its own.
 *
 * ```ts
 * import { adminServer, fourLetterWords, prometheusMetrics } from "zookit/plugins/admin";
 *
 * const plugins = [
 *   adminServer({ host: "127.0.0.1", port: 8080 }),
 *   fourLetterWords({ whitelist: ["srvr", "ruok", "mntr"] }),
 *   prometheusMetrics({ host: "127.0.0.1", port: 7000 }),
 * ];
 * console.log(plugins.map((plugin) => plugin.name).join(", "));
 * ```
 */
export {
  type AdminParts,
  type AdminServerOptions,
  AdminService,
  adminServer,
} from "./admin_server.ts";
export { type DiskSpaceOptions, DiskSpaceWatch, diskSpaceWatch } from "./disk_space.ts";
export {
  FourLetterWords,
  type FourLetterWordsOptions,
  fourLetterWords,
} from "./four_letter_words.ts";
export type { HttpTls } from "./http_tls.ts";
export { type PrometheusOptions, PrometheusService, prometheusMetrics } from "./prometheus.ts";
export { SERVER_VERSION, ZOOKIT_VERSION } from "./version.ts";
export type { Places } from "./words.ts";
