import type { AuthProvider, SaslExchange } from "../contracts/auth.ts";
import type { Peer } from "../contracts/transport.ts";
import type { Outcome } from "../errors/zk_error.ts";
import { type Acl, type Id, OPEN_ACL } from "../wire/records.ts";

/** Entries of one list, so that a look at it stays short. Apache knows no such limit. */
const ENTRIES_MAX = 1000;
/** Characters of all identities of one list; `auth` may stand for many. */
const LIST_CHARACTERS_MAX = 1024 * 1024;

/** Decides who may do what, from ACLs and the identities of a connection (CP 6). Pure. */
export class Permissions {
  readonly #providers = new Map<string, AuthProvider>();
  readonly #skipAcl: boolean;

  /** @param skipAcl allows everything, as `zookeeper.skipACL=yes`. */
  constructor(providers: readonly AuthProvider[], skipAcl: boolean) {
    for (const provider of providers) this.#providers.set(provider.scheme, provider);
    this.#skipAcl = skipAcl;
  }

  /** Providers by scheme. */
  get providers(): ReadonlyMap<string, AuthProvider> {
    return this.#providers;
  }

  /** Identities that a connection has before it says anything. */
  identify(peer: Peer): readonly Id[] {
    return [...this.#providers.values()].flatMap((provider) => provider.identify(peer));
  }

  /** Begins a login by SASL; undefined when no provider speaks it. */
  beginSasl(): SaslExchange | undefined {
    for (const provider of this.#providers.values()) {
      const exchange = provider.beginSasl?.();
      if (exchange !== undefined) return exchange;
    }
    return undefined;
  }

  /** Whether somebody with `ids` has any of the permission bits in `wanted` on a znode. */
  allows(acls: readonly Acl[], wanted: number, ids: readonly Id[]): boolean {
    if (acls === OPEN_ACL || this.#skipAcl || acls.length === 0) return true;
    for (const id of ids) if (id.scheme === "super") return true;
    for (const acl of acls) {
      if ((acl.perms & wanted) === 0) continue;
      if (acl.scheme === "world" && acl.id === "anyone") return true;
      const provider = this.#providers.get(acl.scheme);
      if (provider === undefined) continue;
      for (const id of ids) {
        if (id.scheme === acl.scheme && provider.matches(id.id, acl.id)) return true;
      }
    }
    return false;
  }

  /**
   * The list that is stored for one that a client sent: duplicates removed, `auth` replaced by the
   * identities of the connection. `InvalidAcl` for anything that could never match (CP 6.3), and
   * for lists of more than 1,000 entries or a million characters.
   */
  fixUp(given: readonly Acl[] | null, ids: readonly Id[]): Outcome<readonly Acl[]> {
    if (given === OPEN_ACL) return OPEN;
    if (given === null || given.length === 0) return INVALID;
    if (isOpen(given)) return OPEN;
    const fixed: Acl[] = [];
    for (const acl of removeDuplicates(given)) {
      if (fixed.length > ENTRIES_MAX) return INVALID;
      if (acl.scheme === "world" && acl.id === "anyone") {
        fixed.push(acl);
      } else if (acl.scheme === "auth") {
        const expanded = this.#expandAuth(acl.perms, ids);
        if (expanded.length === 0) return INVALID;
        fixed.push(...expanded);
      } else {
        const provider = this.#providers.get(acl.scheme);
        if (provider === undefined || !provider.isValid(acl.id)) return INVALID;
        fixed.push(acl);
      }
    }
    if (isTooLong(fixed)) return INVALID;
    return { ok: true, value: isOpen(fixed) ? OPEN_ACL : fixed };
  }

  #expandAuth(perms: number, ids: readonly Id[]): Acl[] {
    const expanded: Acl[] = [];
    for (const { scheme, id } of ids) {
      if (this.#providers.get(scheme)?.expandsAuth === true) expanded.push({ perms, scheme, id });
    }
    return expanded;
  }
}

const OPEN = { ok: true, value: OPEN_ACL } as const;
const INVALID = { ok: false, error: "InvalidAcl" } as const;

function isOpen(acls: readonly Acl[]): boolean {
  const first = acls[0];
  return (
    acls.length === 1 &&
    first !== undefined &&
    first.perms === 31 &&
    first.scheme === "world" &&
    first.id === "anyone"
  );
}

function removeDuplicates(acls: readonly Acl[]): readonly Acl[] {
  if (acls.length < 2) return acls;
  const seen = new Set<string>();
  return acls.filter(({ perms, scheme, id }) => {
    const key = `${perms},${scheme.length},${scheme}${id}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

function isTooLong(acls: readonly Acl[]): boolean {
  let characters = 0;
  for (const { scheme, id } of acls) characters += scheme.length + id.length;
  return acls.length > ENTRIES_MAX || characters > LIST_CHARACTERS_MAX;
}
