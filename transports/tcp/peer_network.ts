import { connect, createServer, type Socket } from "node:net";
import type { PeerAddress, PeerListener, PeerNetwork } from "../../core/contracts/peer_network.ts";
import {
  type Accept,
  type ByteSink,
  type Connection,
  TransportError,
} from "../../core/contracts/transport.ts";
import { closeServer, handOver, listenOn, NodeTcpConnection, serverAddress } from "./node_tcp.ts";

/** Servers of an ensemble over plain TCP, on `node:net`, which Node, Deno and Bun have. */
export class TcpPeerNetwork implements PeerNetwork {
  async listen({ host, port }: PeerAddress, accept: Accept): Promise<PeerListener> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      handOver(new NodeTcpConnection(socket), accept);
    });
    await listenOn(server, { host, port });
    return {
      port: serverAddress(server).port,
      close: () => {
        closeServer(server);
        return Promise.resolve();
      },
    };
  }

  async dial(
    { host, port }: PeerAddress,
    timeoutMs: number,
    open: (connection: Connection) => ByteSink,
  ): Promise<void> {
    const socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
    const where = `${host}:${port}`;
    await opened(socket, { ready: "connect", where, timeoutMs }, () => {
      const connection = new NodeTcpConnection(socket);
      connection.attach(open(connection));
    });
  }
}

/** What one attempt to connect goes by. */
export interface Attempt {
  /** The event after which bytes can flow. */
  readonly ready: "connect" | "secureConnect";
  readonly where: string;
  readonly timeoutMs: number;
}

/**
 * Waits for a socket to be ready and calls `use` within that very turn, so that no byte is lost.
 *
 * @throws {TransportError} as `PeerNetwork.dial`; the socket is destroyed then.
 */
export function opened(socket: Socket, attempt: Attempt, use: () => void): Promise<void> {
  const { ready, where, timeoutMs } = attempt;
  return new Promise((resolve, reject) => {
    const fail = (kind: TransportError["kind"], text: string, cause?: Error): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(new TransportError(kind, `cannot reach ${where}: ${text}`, { cause }));
    };
    const timer = setTimeout(() => fail("unreachable", `${timeoutMs} ms passed`), timeoutMs);
    const failed = (cause: NodeJS.ErrnoException): void => {
      fail(cause.code === "ECONNREFUSED" ? "refused" : "unreachable", cause.message, cause);
    };
    const closed = (): void => fail("unreachable", "closed by the other side");
    socket.once("error", failed);
    socket.once("close", closed);
    socket.once(ready, () => {
      clearTimeout(timer);
      socket.off("error", failed);
      socket.off("close", closed);
      use();
      resolve();
    });
  });
}
