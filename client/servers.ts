import type { Entropy } from "../core/contracts/entropy.ts";
import type { Dialer } from "../core/contracts/transport.ts";
import { ZkError } from "../core/errors/zk_error.ts";
import { checkPath } from "./paths.ts";
import { tcpDialer } from "./transports/tcp.ts";
import { type ClientTlsOptions, tlsDialer } from "./transports/tls.ts";
import { webSocketDialer } from "./transports/websocket.ts";

const DEFAULT_PORT = 2181;

/** One server: what a person calls it, and how to reach it. */
export interface ServerEntry {
  readonly name: string;
  readonly dialer: Dialer;
}

/** How a list is to be read. */
export interface ListSettings {
  /** Wins over one at the end of the list. */
  readonly chroot?: string | undefined;
  /** Then every `host:port` is dialed by TLS. */
  readonly tls?: ClientTlsOptions | undefined;
}

/**
 * Reads a server list and its chroot.
 *
 * @throws {ZkError} `BadArguments` when it is empty or malformed.
 */
export function parseServers(
  list: string | readonly (string | Dialer)[],
  { chroot, tls }: ListSettings = {},
): { readonly servers: readonly ServerEntry[]; readonly chroot: string } {
  let entries: readonly (string | Dialer)[];
  let root = chroot ?? "";
  if (typeof list !== "string") {
    entries = list;
  } else if (list.includes("://")) {
    entries = list.split(",");
  } else {
    const slash = list.indexOf("/");
    entries = (slash < 0 ? list : list.slice(0, slash)).split(",");
    if (slash >= 0) root = chroot ?? list.slice(slash);
  }
  if (root === "/") root = "";
  if (root !== "") checkPath(root);
  if (entries.length === 0) throw new ZkError("BadArguments", "no server is named");
  return { servers: entries.map((entry, index) => serverEntry(entry, index, tls)), chroot: root };
}

function serverEntry(
  entry: string | Dialer,
  index: number,
  tls: ClientTlsOptions | undefined,
): ServerEntry {
  if (typeof entry !== "string") return { name: `dialer ${index}`, dialer: entry };
  const name = entry.trim();
  if (/^wss?:\/\//.test(name)) return { name, dialer: webSocketDialer(name) };
  const match = ADDRESS.exec(name);
  const host = match?.[2] ?? match?.[3];
  const port = Number(match?.[4] ?? DEFAULT_PORT);
  if (host === undefined || port === 0 || port > 65_535) {
    throw new ZkError("BadArguments", `server ${JSON.stringify(name)}`);
  }
  const isSecure = tls !== undefined || match?.[1] !== undefined;
  return { name, dialer: isSecure ? tlsDialer(host, port, tls) : tcpDialer(host, port) };
}

/** A host or an IPv6 address in brackets, and perhaps `tls://` and a port. */
const ADDRESS = /^(tls:\/\/)?(?:\[([0-9a-fA-F:.%]+)\]|([^:/\s[\]]+))(?::(\d{1,5}))?$/;

/** Goes round the servers in an order that differs between clients. */
export class ServerRound {
  readonly #servers: ServerEntry[];
  #next = 0;

  constructor(servers: readonly ServerEntry[], entropy: Entropy) {
    this.#servers = [...servers];
    for (let i = this.#servers.length - 1; i > 0; i--) {
      const j = entropy.uint32() % (i + 1);
      const [a, b] = [this.#servers[i], this.#servers[j]] as [ServerEntry, ServerEntry];
      this.#servers[i] = b;
      this.#servers[j] = a;
    }
  }

  get count(): number {
    return this.#servers.length;
  }

  next(): ServerEntry {
    const server = this.#servers[this.#next] as ServerEntry;
    this.#next = (this.#next + 1) % this.#servers.length;
    return server;
  }
}
