import { statSync } from "node:fs";
import type { Logger } from "../../core/contracts/logger.ts";
import { type Credentials, readCredentials, storeFiles, withoutRoot } from "./stores.ts";
import type { TlsSettings } from "./tls_options.ts";

/** What stores hold, read once, and anew when they change if {@link TlsSettings} ask for that. */
export class LiveCredentials {
  readonly #options: TlsSettings;
  readonly #logger: Logger;
  readonly #users = new Set<() => void>();
  #current: Credentials | undefined;
  #stamp = "";
  #looking: NodeJS.Timeout | undefined;

  constructor(options: TlsSettings, logger: Logger) {
    this.#options = options;
    this.#logger = logger;
  }

  /** @throws {TlsStoreError} as long as the stores could never be used. */
  get current(): Credentials {
    if (this.#current !== undefined) return this.#current;
    this.#stamp = storeStamp(this.#options);
    return this.#read();
  }

  /** Calls `changed` whenever the credentials are others. @returns ends that. */
  watch(changed: () => void): () => void {
    this.#users.add(changed);
    const { reloadCheckMs } = this.#options;
    if (reloadCheckMs !== undefined && this.#looking === undefined) {
      this.#looking = setInterval(() => this.#look(), reloadCheckMs);
      this.#looking.unref();
    }
    return () => {
      this.#users.delete(changed);
      if (this.#users.size > 0) return;
      clearInterval(this.#looking);
      this.#looking = undefined;
    };
  }

  #look(): void {
    const stamp = storeStamp(this.#options);
    if (stamp === this.#stamp) return;
    this.#stamp = stamp;
    try {
      this.#read();
      for (const changed of this.#users) changed();
      this.#logger.info("certificates reloaded", { files: storeFiles(this.#options) });
    } catch (error) {
      this.#logger.error("certificates not reloaded, the old ones stay", { error });
    }
  }

  #read(): Credentials {
    const found = readCredentials(this.#options);
    const lost = "Deno" in globalThis ? [] : withoutRoot(found.ca);
    if (lost.length > 0) {
      this.#logger.warn("trusted in vain: add the root that certified these", { lost });
    }
    this.#current = found;
    return found;
  }
}

/** Text that differs when a store was written or replaced. */
function storeStamp(options: TlsSettings): string {
  const stamps = storeFiles(options).map((path) => {
    const found = statSync(path, { throwIfNoEntry: false });
    return found === undefined ? "-" : `${found.ino} ${found.size} ${found.mtimeMs}`;
  });
  return stamps.join();
}
