import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** The frame of each connection's answers in which one bit is wrong, and where in it. */
export interface Spoil {
  /** Frames before it, the handshake's counted. */
  readonly frame: number;
  /** Byte of it, behind its length. */
  readonly at: number;
}

/** Passes bytes between clients and a server, but for one bit of the answers. */
export class SpoilingProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Undefined for every answer as it is. */
  spoil: Spoil | undefined;

  private constructor(serverPort: number) {
    this.#server = createServer((client) => this.#join(client, connect(serverPort, "127.0.0.1")));
  }

  static async start(serverPort: number): Promise<SpoilingProxy> {
    const proxy = new SpoilingProxy(serverPort);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  stop(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #join(client: Socket, server: Socket): void {
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(one);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        this.#sockets.delete(one);
        other.destroy();
      });
    }
    client.pipe(server);
    let rest = Buffer.alloc(0);
    let frame = 0;
    server.on("data", (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      let end = 0;
      while (rest.length >= end + 4 && rest.length >= end + 4 + rest.readInt32BE(end)) {
        if (frame === this.spoil?.frame) rest[end + 4 + this.spoil.at]! ^= 0x40;
        end += 4 + rest.readInt32BE(end);
        frame += 1;
      }
      client.write(rest.subarray(0, end));
      rest = rest.subarray(end);
    });
  }
}
