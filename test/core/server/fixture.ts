import { LOGGER, type Logger } from "../../../core/contracts/logger.ts";
import { METRICS } from "../../../core/contracts/metrics.ts";
import type { Token } from "../../../core/contracts/token.ts";
import type { Plugin } from "../../../core/kernel/plugin.ts";
import {
  bucketSessions,
  createServer,
  digestAuth,
  ipAuth,
  type Server,
  type ServerOptions,
  standalone,
  systemEntropy,
} from "../../../mod.ts";
import { DigestAuth } from "../../../plugins/auth/mod.ts";
import { PlainMetrics } from "../../../plugins/metrics/mod.ts";
import { GatedStorage } from "../gated_storage.ts";
import { ManualClock } from "../manual_clock.ts";

export const TICK_MS = 1_000;

/** What a test may bring along. */
export interface FixtureOptions extends Partial<ServerOptions> {
  readonly clock?: ManualClock;
  /** Outlives the server, so that another may be started on it. */
  readonly disk?: GatedStorage;
  readonly plugins?: readonly Plugin[];
}

/** A server with a clock and a disk that the test moves. */
export interface Fixture {
  readonly server: Server;
  readonly clock: ManualClock;
  readonly disk: GatedStorage;
  /** Messages that were logged, `level: text`. */
  readonly messages: readonly string[];
  /** The value of a counter, by its name. */
  counter(name: string): number;
}

/** Composes a server; it is not started. */
export function compose(given: FixtureOptions = {}): Fixture {
  const { clock = new ManualClock(), disk = new GatedStorage(), plugins = [], ...options } = given;
  const messages: string[] = [];
  const metrics = new PlainMetrics();
  const server = createServer({
    tickTimeMs: TICK_MS,
    ...options,
    plugins: [
      clock.plugin(),
      disk.plugin(),
      systemEntropy(),
      recordingLogger(messages),
      valuePlugin("metrics", METRICS, metrics),
      bucketSessions(),
      ipAuth(),
      digestAuth({ superDigest: SUPER_DIGEST }),
      standalone(),
      ...plugins,
    ],
  });
  const counter = (name: string): number => metrics.counter(name, "").value;
  return { server, clock, disk, messages, counter };
}

/** Composes a server and starts it. */
export async function startServer(given: FixtureOptions = {}): Promise<Fixture> {
  const fixture = compose(given);
  await fixture.server.start();
  return fixture;
}

/** An identity that may do anything: `super:secret`. */
const SUPER_DIGEST = new DigestAuth().digestOf("super:secret");

function recordingLogger(messages: string[]): Plugin {
  const note =
    (level: string): Logger["info"] =>
    (text) => {
      messages.push(`${level}: ${text}`);
    };
  const logger: Logger = {
    debug: () => {},
    info: note("info"),
    warn: note("warn"),
    error: note("error"),
    child: () => logger,
  };
  return valuePlugin("logger", LOGGER, logger);
}

/** A plugin that fills a contract with something that exists. */
export function valuePlugin<T>(name: string, target: Token<T>, value: T): Plugin {
  return {
    name,
    provides: [target],
    requires: [],
    register: (container) => container.value(target, value),
  };
}
