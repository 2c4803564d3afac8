/** Where to listen. */
export interface TcpOptions {
  /** 0 picks a free port. */
  readonly port: number;
  /** Address to bind; undefined is every address. */
  readonly host?: string | undefined;
  /** Connections the system queues before they are accepted. Default 511. */
  readonly backlog?: number | undefined;
}

/** An IPv4 address that came through an IPv6 socket, as IPv4 again. */
export function plainAddress(address: string): string {
  return address.startsWith("::ffff:") ? address.slice(7) : address;
}
