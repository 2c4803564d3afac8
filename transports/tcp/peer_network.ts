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

  dial(
    { host, port }: PeerAddress,
    timeoutMs: number,
    open: (connection: Connection) => ByteSink,
  ): Promise<void> {
    const where = `${host}:${port}`;
    return new Promise((resolve, reject) => {
      const socket: Socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
      const fail = (kind: TransportError["kind"], text: string, cause?: Error): void => {
        clearTimeout(timer);
        socket.destroy();
        reject(new TransportError(kind, `cannot reach ${where}: ${text}`, { cause }));
      };
      const timer = setTimeout(() => fail("unreachable", `${timeoutMs} ms passed`), timeoutMs);
      socket.once("error", (cause: NodeJS.ErrnoException) => {
        fail(cause.code === "ECONNREFUSED" ? "refused" : "unreachable", cause.message, cause);
      });
      socket.once("connect", () => {
        clearTimeout(timer);
        socket.removeAllListeners("error");
        const connection = new NodeTcpConnection(socket);
        connection.attach(open(connection));
        resolve();
      });
    });
  }
}
