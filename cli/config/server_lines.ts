import type { Setting } from "./properties.ts";
import type { ServerConfig } from "./server_config.ts";

const NAME = /^server\.\d+$/;
// host:quorumPort:electionPort[:role][;[address:]clientPort[;…]]
const CLIENT_PART = /^[^;]*;(?:(.+):)?(\d+)(?:;|$)/;

/**
 * The `server.N` lines of a configuration. One alone describes a server that stands alone, which is
 * how Apache ZooKeeper takes it and how its container image writes it; several are an ensemble.
 */
export class ServerLines {
  readonly #lines = new Map<string, Setting>();

  /** Keeps a `server.N`. @returns false when `name` is something else. */
  take(setting: Setting, name: string): boolean {
    if (!NAME.test(name)) return false;
    this.#lines.set(name, setting);
    return true;
  }

  /** Whether a line names a port for clients. */
  get namesPort(): boolean {
    return [...this.#lines.values()].some(({ value }) => CLIENT_PART.test(value));
  }

  /**
   * Puts the client port of a single line into the configuration, unless `clientPort` is set.
   *
   * @returns what is wrong, a line for each.
   */
  finish(config: ServerConfig, isPortSet: boolean): string[] {
    const lines = [...this.#lines.values()];
    if (lines.length > 1) {
      return lines.map(({ key, value, source }) => {
        return `${source}: ${key}=${value}: ensembles are not supported yet: leave one such line`;
      });
    }
    const [address, port] = CLIENT_PART.exec(lines[0]?.value ?? "")?.slice(1) ?? [];
    if (port === undefined || isPortSet) return [];
    config.port = Number(port);
    if (address !== undefined) config.host = address.replace(/^\[(.*)\]$/, "$1");
    return [];
  }
}
