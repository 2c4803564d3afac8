import { lookup, lookupService } from "node:dns/promises";
import { checkServerIdentity, type PeerCertificate, type TLSSocket } from "node:tls";
import { plainAddress } from "./tcp_options.ts";

/** Whether a certificate is for one of these names or IP addresses. */
export function isNamed(certificate: PeerCertificate, names: readonly string[]): boolean {
  return names.some((name) => name !== "" && checkServerIdentity(name, certificate) === undefined);
}

/**
 * Says what is wrong with the name of whoever has dialled. Its certificate must be for the address
 * that it comes from, or for the name of that address, if names may be looked up: the name must
 * lead back to the address, or whoever owns the reverse zone could say anything.
 *
 * @returns undefined when it is right.
 */
export async function wrongName(
  socket: TLSSocket,
  looksUpNames: boolean,
): Promise<string | undefined> {
  const certificate = socket.getPeerCertificate();
  const address = plainAddress(socket.remoteAddress ?? "");
  if (isNamed(certificate, [address])) return undefined;
  const name = looksUpNames ? await nameOf(address) : undefined;
  if (name === undefined) return `its certificate is not for ${address}`;
  if (isNamed(certificate, [name])) return undefined;
  return `its certificate is neither for ${address} nor for ${name}`;
}

/** The name of an address, if it has one that leads back to it. */
async function nameOf(address: string): Promise<string | undefined> {
  try {
    const { hostname } = await lookupService(address, 0);
    const found = await lookup(hostname, { all: true });
    return found.some((one) => plainAddress(one.address) === address) ? hostname : undefined;
  } catch {
    return undefined; // It has no name, or nobody can be asked.
  }
}
