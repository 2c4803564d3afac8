import type { PeerAddress } from "../../../core/contracts/peer_network.ts";
import { decodeUtf8, getInt, JuteReader, JuteWriter } from "../../../core/wire/jute.ts";
import { PeerProtocolError } from "./packet.ts";

/** First bytes of whoever dials an election port (`QuorumCnxManager`, PP 3.1). */
export interface ElectionHello {
  readonly serverId: number;
  /** Where it listens for elections; empty when it came in the ancient format. */
  readonly addresses: readonly PeerAddress[];
}

/**
 * One address. What 3.5 and later send, unless several addresses are enabled: not all of them read
 * the other (ZOOKEEPER-3720).
 */
const ONE_ADDRESS = -65_536;
/** Several addresses. */
const SEVERAL_ADDRESSES = -65_535;
const TEXT_BYTES_MAX = 2048;
const HEAD_BYTES = 20;

/** The hello of this server. */
export function encodeElectionHello(serverId: number, address: PeerAddress): Uint8Array {
  const writer = new JuteWriter(64);
  writer.long(ONE_ADDRESS);
  writer.long(serverId);
  writer.string(formatAddress(address));
  return writer.copy();
}

/**
 * Reads a hello from the start of `bytes`.
 *
 * @returns undefined while it is not there whole; `end` is where the frames begin.
 * @throws {PeerProtocolError} for an unknown version, a length that cannot be, or text that is no
 * list of addresses.
 */
export function decodeElectionHello(
  bytes: Uint8Array,
): { readonly hello: ElectionHello; readonly end: number } | undefined {
  if (bytes.length < 8) return undefined;
  const reader = new JuteReader(bytes);
  const version = reader.long();
  // The ancient format: no version, just the server id.
  if (version >= 0) return { hello: { serverId: version, addresses: [] }, end: 8 };
  if (version !== ONE_ADDRESS && version !== SEVERAL_ADDRESSES) {
    throw new PeerProtocolError(`election protocol ${version} is not known`);
  }
  if (bytes.length < HEAD_BYTES) return undefined;
  const serverId = reader.long();
  const sizeBytes = getInt(bytes, HEAD_BYTES - 4);
  if (sizeBytes < 1 || sizeBytes > TEXT_BYTES_MAX) {
    throw new PeerProtocolError(`${sizeBytes} bytes of election addresses`);
  }
  const end = HEAD_BYTES + sizeBytes;
  if (bytes.length < end) return undefined;
  const addresses = decodeUtf8(bytes, HEAD_BYTES, end).split("|").map(parseAddress);
  return { hello: { serverId, addresses }, end };
}

/** `host:port`, an IPv6 address in brackets. */
export function formatAddress({ host, port }: PeerAddress): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Reads what {@link formatAddress} writes. @throws {PeerProtocolError} when it is not that. */
export function parseAddress(text: string): PeerAddress {
  const [, bracketed, plain, port] = ADDRESS.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(port) > 65_535) {
    throw new PeerProtocolError(`${JSON.stringify(text.slice(0, 100))} is no address`);
  }
  return { host, port: Number(port) };
}

const ADDRESS = /^(?:\[([0-9a-fA-F:.%]+)\]|([^[\]:\s]+)):(\d{1,5})$/;
