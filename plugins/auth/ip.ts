import { AUTH_PROVIDER, type AuthProvider } from "../../core/contracts/auth.ts";
import type { Peer } from "../../core/contracts/transport.ts";
import type { Outcome } from "../../core/errors/zk_error.ts";
import type { Plugin } from "../../core/kernel/plugin.ts";
import type { Id } from "../../core/wire/records.ts";

/**
 * Clients by their address. An ACL names one address, or a network as `address/bits`; IPv4 with 0
 * to 32 bits, IPv6 with 0 to 128 (CP 6.2; `IPAuthenticationProvider` in Apache ZooKeeper, whose
 * versions before 3.9.4 know IPv4 only).
 */
export class IpAuth implements AuthProvider {
  readonly scheme = "ip";
  readonly expandsAuth = false;

  identify(peer: Peer): readonly Id[] {
    const id = withoutZone(peer.address);
    return parseAddress(id) === undefined ? [] : [{ scheme: "ip", id: plainIpv4(id) }];
  }

  authenticate(_data: Uint8Array, peer: Peer): Outcome<readonly Id[]> {
    return { ok: true, value: this.identify(peer) };
  }

  isValid(id: string): boolean {
    return parseNetwork(id) !== undefined;
  }

  matches(connectionId: string, aclId: string): boolean {
    const address = parseAddress(connectionId);
    const network = parseNetwork(aclId);
    if (address === undefined || network === undefined) return false;
    if (address.length !== network.address.length) return false;
    let left = network.bits;
    for (let i = 0; i < address.length && left > 0; i++, left -= 8) {
      const difference = (address[i] ?? 0) ^ (network.address[i] ?? 0);
      if (difference >> Math.max(0, 8 - left) !== 0) return false;
    }
    return true;
  }

  userName(id: string): string {
    return id;
  }
}

interface Network {
  readonly address: readonly number[];
  readonly bits: number;
}

function parseNetwork(text: string): Network | undefined {
  const slash = text.indexOf("/");
  const address = parseAddress(slash === -1 ? text : text.slice(0, slash));
  if (address === undefined) return undefined;
  const bitsMax = address.length * 8;
  if (slash === -1) return { address, bits: bitsMax };
  const suffix = text.slice(slash + 1);
  const bits = /^\d{1,3}$/.test(suffix) ? Number(suffix) : -1;
  return bits >= 0 && bits <= bitsMax ? { address, bits } : undefined;
}

/** 4 or 16 bytes; an IPv4 address in IPv6 clothes gives 4. */
function parseAddress(text: string): readonly number[] | undefined {
  const plain = plainIpv4(text);
  return plain.includes(":") ? parseIpv6(plain) : parseIpv4(plain);
}

function parseIpv4(text: string): readonly number[] | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part))) return undefined;
  const bytes = parts.map(Number);
  return bytes.every((byte) => byte <= 255) ? bytes : undefined;
}

function parseIpv6(text: string): readonly number[] | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map(parseGroups);
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined;
  if (tail === undefined) return head.length === 16 ? head : undefined;
  const gap = 16 - head.length - tail.length;
  return gap < 2 ? undefined : [...head, ...new Array<number>(gap).fill(0), ...tail];
}

/** Groups of 16 bits, of which the last may be a dotted IPv4 address; empty text has none. */
function parseGroups(text: string): readonly number[] | undefined {
  if (text === "") return [];
  const bytes: number[] = [];
  const groups = text.split(":");
  for (const [index, group] of groups.entries()) {
    if (index === groups.length - 1 && group.includes(".")) {
      const last = parseIpv4(group);
      if (last === undefined) return undefined;
      bytes.push(...last);
    } else if (/^[0-9a-f]{1,4}$/i.test(group)) {
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    } else {
      return undefined;
    }
  }
  return bytes;
}

function plainIpv4(text: string): string {
  return text.replace(/^::ffff:(?=\d+\.)/i, "");
}

function withoutZone(text: string): string {
  return text.replace(/%.*$/, "");
}

/** Fills the authentication contract with the scheme `ip`. */
export function ipAuth(): Plugin {
  return {
    name: "ip-auth",
    provides: [AUTH_PROVIDER],
    requires: [],
    register: (container) => container.bind(AUTH_PROVIDER, IpAuth),
  };
}
