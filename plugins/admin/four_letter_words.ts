import { INSPECTION, type ServerInspection } from "../../core/contracts/inspection.ts";
import { LOGGER, type Logger } from "../../core/contracts/logger.ts";
import { METRICS, type Metrics } from "../../core/contracts/metrics.ts";
import type { ByteSink, Connection, FirstBytes } from "../../core/contracts/transport.ts";
import { FIRST_BYTES } from "../../core/contracts/transport.ts";
import type { Plugin } from "../../core/kernel/plugin.ts";
import { type TraceMask, traceMaskOf } from "./trace_mask.ts";
import { lines, type Places, PROCESS_WORDS, SERVING_WORDS, type Word } from "./words.ts";

/** Settings of the four-letter words. */
export interface FourLetterWordsOptions extends Partial<Places> {
  /**
   * Words that are answered; `*` stands for all. `srvr` always is
   * (`4lw.commands.whitelist`).
   */
  readonly whitelist?: readonly string[];
  /** `isro` is answered whatever the whitelist says (`readonlymode.enabled`). */
  readonly readOnlyModeEnabled?: boolean;
}

const GET_TRACE_MASK = "gtmk";
const SET_TRACE_MASK = "stmk";
const ALL_WORDS: readonly string[] = [
  ...Object.keys(SERVING_WORDS),
  ...Object.keys(PROCESS_WORDS),
  GET_TRACE_MASK,
  SET_TRACE_MASK,
];
const NOT_SERVING = "This ZooKeeper instance is not currently serving requests";
const TRACE_MASK_BYTES = 8;

/**
 * Answers the words that operators' tools send instead of a handshake: four bytes, then text, then
 * the end of the connection (CP 10). What follows the word is ignored.
 */
export class FourLetterWords implements FirstBytes {
  readonly #asked: { server: ServerInspection; metrics: Metrics; places: Places };
  readonly #logger: Logger;
  readonly #enabled: ReadonlySet<string>;
  readonly #trace: TraceMask;

  constructor(
    server: ServerInspection,
    metrics: Metrics,
    logger: Logger,
    options: FourLetterWordsOptions = {},
  ) {
    const { dataDir = "", dataLogDir = dataDir, clientPortListenBacklog = -1 } = options;
    const places = { dataDir, dataLogDir, clientPortListenBacklog };
    this.#asked = { server, metrics, places };
    this.#logger = logger;
    this.#trace = traceMaskOf(server);
    const { whitelist = [] } = options;
    this.#enabled = new Set([
      "srvr",
      ...(options.readOnlyModeEnabled === true ? ["isro"] : []),
      ...(whitelist.includes("*") ? ALL_WORDS : whitelist),
    ]);
  }

  claim(word: Uint8Array, connection: Connection): ByteSink | undefined {
    const name = String.fromCharCode(...word);
    if (!ALL_WORDS.includes(name)) return undefined;
    if (!this.#enabled.has(name)) {
      const refusal = lines(`${name} is not executed because it is not in the whitelist.`);
      finish(connection, refusal);
      return IGNORE;
    }
    if (name === SET_TRACE_MASK) return this.#takeTraceMask(connection);
    if (name === GET_TRACE_MASK) finish(connection, String(this.#trace.mask));
    else this.#answer(name, connection);
    return IGNORE;
  }

  #answer(name: string, connection: Connection): void {
    const serving = SERVING_WORDS[name];
    const word = serving ?? PROCESS_WORDS[name];
    if (word === undefined) return;
    if (serving !== undefined && this.#asked.server.status.serving === "none") {
      finish(connection, lines(NOT_SERVING));
      return;
    }
    void this.#run(word, connection).catch((error: unknown) => {
      this.#logger.error(`four-letter word ${name} failed`, { error });
      connection.destroy();
    });
  }

  async #run(word: Word, connection: Connection): Promise<void> {
    // The server counts this connection among its own once the claim has returned.
    await undefined;
    finish(connection, await word(this.#asked));
  }

  #takeTraceMask(connection: Connection): ByteSink {
    const bytes = new Uint8Array(TRACE_MASK_BYTES);
    let have = 0;
    return {
      ...IGNORE,
      chunk: (chunk) => {
        if (have === TRACE_MASK_BYTES) return;
        const part = chunk.subarray(0, TRACE_MASK_BYTES - have);
        bytes.set(part, have);
        have += part.byteLength;
        if (have < TRACE_MASK_BYTES) return;
        this.#trace.mask = new DataView(bytes.buffer).getBigInt64(0);
        finish(connection, String(this.#trace.mask));
      },
      ended: () => connection.end(),
    };
  }
}

const IGNORE: ByteSink = { chunk: () => {}, writable: () => {}, ended: () => {}, closed: () => {} };

function finish(connection: Connection, text: string): void {
  if (text !== "") connection.write(new TextEncoder().encode(text));
  connection.end();
}

/** Lets operators' tools ask a server by four-letter words; without it every word is refused. */
export function fourLetterWords(options: FourLetterWordsOptions = {}): Plugin {
  return {
    name: "four-letter-words",
    provides: [FIRST_BYTES],
    requires: [INSPECTION, METRICS, LOGGER],
    register: (container) => {
      container.provide(FIRST_BYTES, () => {
        const logger = container.get(LOGGER).child("four-letter-words");
        return new FourLetterWords(
          container.get(INSPECTION),
          container.get(METRICS),
          logger,
          options,
        );
      });
    },
  };
}
