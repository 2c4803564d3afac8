/**
 * What an operator's tools ask of a running server: four-letter words on the client port, and
 * Prometheus' `/metrics` on a port of its own.
 *
 * ```ts
 * import { fourLetterWords, prometheusMetrics } from "zookit/plugins/admin";
 *
 * const plugins = [
 *   fourLetterWords({ whitelist: ["srvr", "ruok", "mntr"] }),
 *   prometheusMetrics({ host: "127.0.0.1", port: 7000 }),
 * ];
 * console.log(plugins.map((plugin) => plugin.name).join(", "));
 * ```
 */
export {
  FourLetterWords,
  type FourLetterWordsOptions,
  fourLetterWords,
} from "./four_letter_words.ts";
export { type PrometheusOptions, PrometheusService, prometheusMetrics } from "./prometheus.ts";
export { SERVER_VERSION, ZOOKIT_VERSION } from "./version.ts";
