import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ZkError } from "../../core/errors/zk_error.ts";
import { Membership, parseMember } from "../../plugins/zab/core/membership.ts";
import type { Environment } from "./container_env.ts";
import { parseProperties, type Setting } from "./properties.ts";
import type { ServerConfig } from "./server_config.ts";

const FAMILY = /^(?:server|group|weight)\./;
const NAME = /^(?:server|group|weight)\.\d+$/;
const SERVER = /^server\.\d+$/;
// host:quorumPort:electionPort[:role][;[address:]clientPort[;…]]
const CLIENT_PART = /^[^;]*;(?:(.+):)?(\d+)(?:;|$)/;
const SERVER_ID_MAX = 255;
const SERVER_FORM =
  "must be host:quorumPort:electionPort, two different ports; then :participant or :observer, " +
  "and ;clientPort, where they are wanted";

/**
 * The `server.N` lines of a configuration, and those of groups and weights. One alone describes a
 * server that stands alone, which is how Apache ZooKeeper takes it and how its container image
 * writes it, unless `standaloneEnabled` is false; several are an ensemble.
 */
export class ServerLines {
  readonly #lines = new Map<string, Setting>();
  readonly #wrong: string[] = [];
  /** What their author should hear, though it stops nobody; whole after {@link finish}. */
  readonly warnings: string[] = [];

  /** Keeps such a line. @returns false when `name` is something else. */
  take(setting: Setting, name: string): boolean {
    if (!FAMILY.test(name)) return false;
    const { source, value } = setting;
    const first = this.#lines.get(name);
    if (!NAME.test(name)) {
      this.#wrong.push(`${source}: ${name}: a number must stand behind the dot, that of myid`);
    } else if (first !== undefined && first.value !== value) {
      // Were the last one to count, a slip in copying would make an ensemble of fewer servers.
      this.#wrong.push(`${source}: ${name} stands in ${first.source} already, and says otherwise`);
    }
    this.#lines.set(name, setting);
    return true;
  }

  /** Whether a line names a port for clients. */
  get namesPort(): boolean {
    return [...this.#lines.values()].some(({ value }) => CLIENT_PART.test(value));
  }

  /**
   * Puts what the lines say into the configuration: the membership with this server's number from
   * `myid`, and the client port of its own line, unless `clientPort` is set.
   *
   * @returns what is wrong, a line for each.
   */
  finish(config: ServerConfig, isPortSet: boolean, env: Environment): string[] {
    const { ensemble } = config;
    const unread = this.#readDynamicFile(ensemble.dynamicConfigFile);
    if (unread !== undefined) return [unread];
    if (this.#wrong.length > 0) return this.#wrong;
    const names = [...this.#lines.keys()].filter((name) => SERVER.test(name));
    const wrong = this.#wrongServers(names);
    if (wrong.length > 0) return wrong;
    const isEnsemble = names.length > 1 || (names.length === 1 && !ensemble.standaloneEnabled);
    if (!isEnsemble) {
      this.#takeClientPort(config, names[0], isPortSet);
      return [];
    }
    const lines = [...this.#lines].map(([name, { value }]) => `${name}=${value}`);
    ensemble.membership = [...lines, ...versionOf(ensemble.dynamicConfigFile)].join("\n");
    try {
      Membership.parse(ensemble.membership);
    } catch (error) {
      if (!(error instanceof ZkError)) throw error;
      const { source = "" } = [...this.#lines.values()][0] ?? {};
      return [`${source}: the servers of the ensemble: ${error.message}; see zookit keys`];
    }
    const id = readServerId(config.dataDir, env);
    if (typeof id === "string") return [id];
    if (!this.#lines.has(`server.${id}`)) {
      return [`myid says ${id}, but there is no line server.${id}`];
    }
    config.options.serverId = id;
    this.#takeClientPort(config, `server.${id}`, isPortSet);
    return [];
  }

  /** Lines that cannot be read, and servers that cannot both be where the lines say. */
  #wrongServers(names: readonly string[]): string[] {
    const wrong: string[] = [];
    const owners = new Map<string, string>();
    for (const name of names) {
      const { source, value } = this.#lines.get(name) as Setting;
      const member = parseMember(Number(name.slice("server.".length)), value);
      if (member === undefined) wrong.push(`${source}: ${name}=${value} ${SERVER_FORM}`);
      for (const { host, quorumPort, electionPort } of member?.addresses ?? []) {
        for (const address of [`${host}:${quorumPort}`, `${host}:${electionPort}`]) {
          const owner = owners.get(address);
          owners.set(address, name);
          if (owner === undefined || owner === name) continue;
          wrong.push(`${source}: ${name} and ${owner} are both at ${address}`);
        }
      }
    }
    return wrong;
  }

  /** @returns what is wrong with it. */
  #readDynamicFile(file: string | undefined): string | undefined {
    if (file === undefined) return undefined;
    try {
      for (const setting of parseProperties(readFileSync(file, "utf8"), file)) {
        if (!this.take(setting, setting.key) && setting.key !== "version") {
          return `${setting.source}: ${setting.key} does not belong into a dynamicConfigFile`;
        }
      }
      return undefined;
    } catch (cause) {
      const { code = "unknown error" } = cause as { readonly code?: string };
      return `cannot read dynamicConfigFile ${file}: ${code}`;
    }
  }

  #takeClientPort(config: ServerConfig, name: string | undefined, isPortSet: boolean): void {
    const line = name === undefined ? undefined : this.#lines.get(name);
    const [address, port] = CLIENT_PART.exec(line?.value ?? "")?.slice(1) ?? [];
    if (port === undefined) return;
    if (isPortSet) {
      if (Number(port) === config.port || config.port === 0) return;
      const said = `${line?.source}: ${name} says client port ${port}`;
      this.warnings.push(`${said}, but clientPort=${config.port} counts here`);
      return;
    }
    config.port = Number(port);
    if (address !== undefined) config.host = address.replace(/^\[(.*)\]$/, "$1");
  }
}

/** As Apache: a dynamic file has the version of its members at the end of its name. */
function versionOf(dynamicFile: string | undefined): string[] {
  const version = /\.([0-9a-f]{1,14})$/.exec(dynamicFile ?? "")?.[1];
  return version === undefined ? [] : [`version=${version}`];
}

/** The number in `myid`, or `ZOO_MY_ID` where there is no such file; text says what is wrong. */
function readServerId(dataDir: string | undefined, env: Environment): number | string {
  const file = join(dataDir ?? ".", "myid");
  let text = env["ZOO_MY_ID"];
  let source = "ZOO_MY_ID";
  try {
    text = readFileSync(file, "utf8").split(/\r?\n/)[0];
    source = file;
  } catch (cause) {
    const { code } = cause as { readonly code?: string };
    if (code !== "ENOENT") return `cannot read ${file}: ${code}`;
  }
  if (text === undefined) {
    return `${file} is missing: it holds the number of this server, that of its server.N line`;
  }
  const id = /^\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
  if (id <= SERVER_ID_MAX) return id;
  return `${source}: ${JSON.stringify(text)} is no number from 0 to ${SERVER_ID_MAX}`;
}
