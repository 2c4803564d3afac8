/** Clients over a Unix domain socket: on the same machine, guarded by file permissions. */
import { type Plugin, TRANSPORT } from "zookit";
import { UnixTransport } from "./unix_transport.ts";

export { UnixTransport, unixDialer } from "./unix_transport.ts";

/** Where to listen. */
export interface UnixOptions {
  /** Path of the socket, at most about 100 bytes; must not exist. */
  readonly path: string;
}

/** Listens on a Unix domain socket. */
export function unixTransport({ path }: UnixOptions): Plugin {
  return {
    name: `transport-unix-${path}`,
    provides: [TRANSPORT],
    requires: [],
    register: (container) => container.provide(TRANSPORT, () => new UnixTransport(path)),
  };
}
