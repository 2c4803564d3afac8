/** TLS through `node:tls`, which Node, Deno and Bun have. */
import type { ConnectionOptions } from "node:tls";
import type { Connection, Dialer } from "../../core/contracts/transport.ts";
import { dialed } from "./tcp.ts";

/** What a client shows, and whom it trusts; everything as PEM text. */
export interface ClientTlsOptions {
  /** Certificates that the server's must lead to; those that the runtime trusts otherwise. */
  readonly ca?: string | readonly string[];
  /** The client's certificate, then those that lead from it to one that the server trusts. */
  readonly cert?: string;
  /** Key of {@link cert}. */
  readonly key?: string;
  /** Opens {@link key}. */
  readonly passphrase?: string;
  /** Name that the server's certificate must have; the host's otherwise. */
  readonly serverName?: string;
  /** False takes a certificate for any name, as long as it is trusted; default true. */
  readonly checksName?: boolean;
}

/**
 * Dials `host:port` and shakes hands. The server's certificate must be trusted and name the host.
 *
 * A server that does not like the client's certificate may say so only after the dial: the
 * connection then closes. The module `node:tls` is loaded at the first dial, so a browser may load
 * this file.
 */
export function tlsDialer(host: string, port: number, options: ClientTlsOptions = {}): Dialer {
  const { serverName, checksName = true, ca, ...own } = options;
  const settings: ConnectionOptions & { readonly allowHalfOpen: true } = {
    ...own,
    ...(ca !== undefined && { ca: typeof ca === "string" ? ca : [...ca] }),
    ...(serverName !== undefined && { servername: serverName }),
    ...(!checksName && { checkServerIdentity: () => undefined }),
    host,
    port,
    allowHalfOpen: true,
  };
  return {
    async dial(open, signal): Promise<Connection> {
      const tls = await import("node:tls");
      signal?.throwIfAborted();
      const socket = tls.connect(settings);
      const at = { host, port, secure: true };
      return await dialed(socket, {
        ready: "secureConnect",
        what: "connect by TLS to",
        at,
        open,
        signal,
      });
    },
  };
}
