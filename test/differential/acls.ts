import { createHash } from "node:crypto";
import { SUBJECT } from "./variants.ts";

export type AclEntry = {
  readonly perms: number;
  readonly scheme: string | null;
  readonly id: string | null;
};

/** The id that the digest scheme makes of `user:password` (reference section 6.2). */
export function digestId(credentials: string): string {
  const hash = createHash("sha1").update(credentials).digest("base64");
  return `${credentials.split(":")[0]}:${hash}`;
}

const ALL = 31;
const one = (perms: number, scheme: string | null, id: string | null): AclEntry[] => [
  { perms, scheme, id },
];
const alice = (perms: number): AclEntry[] => one(perms, "digest", digestId("alice:a"));
const world = (perms: number): AclEntry[] => one(perms, "world", "anyone");

/** Access control lists by name, so that programs stay short when printed. */
export const ACLS: Readonly<Record<string, readonly AclEntry[] | null>> = {
  open: world(ALL),
  readOnly: world(1),
  noRead: world(ALL - 1),
  noDelete: world(ALL - 8),
  nothing: world(0),
  strangeBits: world(ALL + 64),
  creator: one(ALL, "auth", ""),
  creatorNullId: one(ALL, "auth", null),
  alice: alice(ALL),
  aliceWorldReads: [...alice(ALL), ...world(1)],
  bob: one(ALL, "digest", digestId("bob:b")),
  bobAdmin: [...one(16, "digest", digestId("bob:b")), ...world(15)],
  loopback: one(ALL, "ip", "127.0.0.1"),
  loopbackNet: one(ALL, "ip", "127.0.0.0/8"),
  elsewhere: one(ALL, "ip", "10.1.2.3"),
  twice: [...world(ALL), ...world(ALL), ...alice(1), ...alice(1)],
  empty: [],
  none: null,
  badScheme: one(ALL, "nonesuch", "x"),
  badWorld: one(ALL, "world", "someone"),
  badDigest: one(ALL, "digest", "a:b:c"),
  badIp: one(ALL, "ip", "300.1.1.1/99"),
  ann: one(ALL, "sasl", "ann"),
  certified: [...one(ALL, "x509", SUBJECT), ...world(1)],
  super: one(ALL, "super", ""),
  goodThenBad: [...world(ALL), ...one(1, "world", "nobody")],
  nullScheme: one(ALL, null, "x"),
};
